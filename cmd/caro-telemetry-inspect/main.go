// Command caro-telemetry-inspect looks into a log, or into files that came from
// one, and changes nothing.
package main

import "caro.sh/telemetry/cmd/internal/command"

func main() { command.Main("caro-telemetry-inspect") }
