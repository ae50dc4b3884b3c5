// Command caro-telemetry-export writes what a log holds to a file, for sites
// without a network and for sites that run the tools one by one.
package main

import "caro.sh/telemetry/cmd/internal/command"

func main() { command.Main("caro-telemetry-export") }
