// Command caro-telemetry-compact makes the sealed segments of a log smaller, for
// cron and for sites that run the tools one by one.
package main

import "caro.sh/telemetry/cmd/internal/command"

func main() { command.Main("caro-telemetry-compact") }
