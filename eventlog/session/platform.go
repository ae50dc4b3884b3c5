package session

import (
	"runtime"

	"github.com/google/uuid"

	"caro.sh/telemetry/schema"
)

// DetectPlatform says what this program runs on. Of the shell only its name is
// looked at, and kept only when the contract has it.
func DetectPlatform(getenv func(string) string) schema.Platform {
	shell := getenv("SHELL")
	if shell == "" && runtime.GOOS == "windows" {
		shell = getenv("ComSpec")
	}
	return schema.Platform{
		OS: schema.OSFromGo(runtime.GOOS), Arch: schema.ArchFromGo(runtime.GOARCH), Shell: schema.ShellFromName(shell),
	}
}

// NewGenerationID makes the random id of one suggested command, a UUID version
// 4; "" when there is no randomness to be had.
func NewGenerationID() string {
	id, err := uuid.NewRandom()
	if err != nil {
		return ""
	}
	return id.String()
}
