// Command caro-telemetry-upload sends what a log holds to its receiver, for cron
// and for sites that run the tools one by one.
package main

import "caro.sh/telemetry/cmd/internal/command"

func main() { command.Main("caro-telemetry-upload") }
