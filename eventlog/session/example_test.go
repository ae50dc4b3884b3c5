package session_test

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"caro.sh/telemetry/eventlog/session"
	"caro.sh/telemetry/schema"
)

// A whole small host. The real one gives neither Getenv nor ConfigFile nor Dir:
// the usual places hold then.
func Example() {
	home, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(home)
	environment := map[string]string{"HOME": home, "CARO_TELEMETRY_ENABLED": "true", "SHELL": "/bin/bash"}

	s := session.Start(session.Options{
		Version: "1.3.0", Backend: schema.BackendOllama, SafetyLevel: schema.SafetyModerate,
		Prompt: session.Terminal(), // asks on first use, if anybody is there to answer
		Getenv: func(name string) string { return environment[name] },
		Dir:    filepath.Join(home, "telemetry"),
	})
	began := time.Now()
	command := "ls -l" // never part of an event
	id := session.NewGenerationID()
	s.CommandGenerated(schema.CommandGenerated{
		GenerationID: id, BackendUsed: schema.BackendOllama, ModelName: "qwen2.5-coder:7b",
		InferenceTimeMS: uint64(time.Since(began).Milliseconds()),
		SafetyResult:    schema.SafetyResult{RiskLevel: schema.RiskSafe},
	})
	fmt.Println(command)
	s.CommandExecuted(schema.CommandExecuted{
		GenerationID: id, ExecutionMode: schema.ExecutionConfirmed, ExitCodeCategory: schema.ExitCodeSuccess,
	})
	s.End(schema.ExitUserComplete)

	// What it left behind, for anybody to read.
	text, err := os.ReadFile(filepath.Join(home, "telemetry", "events.ndjson"))
	if err != nil {
		panic(err)
	}
	for line := range lines(text) {
		fmt.Println(line.Name())
	}
	// Output:
	// ls -l
	// session.start
	// command.generated
	// command.executed
	// session.end
}
