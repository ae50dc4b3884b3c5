// Command caro turns natural language into shell commands; this build of it
// carries the telemetry commands.
package main

import "caro.sh/telemetry/cmd/internal/command"

func main() { command.Main("caro") }
