// Command caro-telemetry-ingest is the receiving end of telemetry: a service for
// uploads, and a way in for files that are carried by hand.
package main

import "caro.sh/telemetry/cmd/internal/command"

func main() { command.Main("caro-telemetry-ingest") }
