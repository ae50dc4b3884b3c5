package command

import (
	"bytes"
	"os"
	"path/filepath"

	"caro.sh/telemetry/eventlog/session"
	"caro.sh/telemetry/schema"
)

// acts are the demonstration, in order.
var acts = []func(*demo){
	(*demo).consent, (*demo).host, (*demo).simulateDays, (*demo).look, (*demo).refuse, (*demo).batches,
	(*demo).carry, (*demo).deliver, (*demo).forget, (*demo).optOut,
}

func (d *demo) consent() {
	d.say("Nothing is recorded before somebody says yes")
	d.run(typed{args: "telemetry status", lines: 1, expect: "off (nobody has switched it on"})
	d.run(typed{args: "config set telemetry.enabled true", expect: "telemetry is on"})
}

// host is a program with a session in it: what caro itself does.
func (d *demo) host() {
	d.say("A host records what it did, not what it was about")
	s := session.Start(session.Options{Version: "1.3.0", Backend: schema.BackendOllama, Getenv: d.getenv, Now: d.Now})
	id := session.NewGenerationID()
	s.CommandGenerated(schema.CommandGenerated{GenerationID: id, BackendUsed: schema.BackendOllama, InferenceTimeMS: 812,
		SafetyResult: schema.SafetyResult{RiskLevel: schema.RiskSafe}, ModelName: "qwen2.5-coder:7b"})
	s.CommandExecuted(schema.CommandExecuted{GenerationID: id, ExecutionMode: schema.ExecutionConfirmed, ExitCodeCategory: schema.ExitCodeSuccess})
	s.End(schema.ExitUserComplete)
	d.run(typed{args: "telemetry show", expect: "Total: 4 events"})
}

func (d *demo) simulateDays() {
	d.say("A week of made-up sessions, beside it")
	d.run(typed{args: "telemetry simulate --sessions 500", expect: "recorded"})
	d.run(typed{args: "telemetry status", lines: 9, expect: "on (the settings file says so)"})
}

func (d *demo) look() {
	d.say("Plain lines: for tail -F, grep and jq, or with what each field means")
	d.run(typed{args: "telemetry show --limit 1 --event safety.triggered --verbose", lines: 8, expect: "Which event this line is."})
}

func (d *demo) refuse() {
	d.say("What could say something about a person is refused whole, and not repeated")
	d.run(typed{args: "telemetry record", code: exitBadInput, expect: "refused: path at /component",
		stdin: `{"event":"error.occurred","timestamp":"2026-11-23T10:15:30.123Z","session_id":"0123456789abcdef","error_category":"unknown","error_code":"E_READ","component":"/home/alice/plans"}`})
}

func (d *demo) batches() {
	d.say("Full segments are sealed, and made four times smaller")
	d.run(typed{program: "caro-telemetry-compact", expect: "saved"})
	d.run(typed{program: "caro-telemetry-inspect", args: "segments", expect: "compacted"})
	d.run(typed{program: "caro-telemetry-inspect", args: "stats", lines: 10, expect: "Commands run as generated"})
	d.run(typed{program: "caro-telemetry-inspect", args: "verify", expect: "0 errors"})
}

func (d *demo) carry() {
	d.say("A site without a network carries a file that checks itself")
	d.run(typed{program: "caro-telemetry-export", args: "--output ~/export.json.gz", expect: "exported"})
	d.run(typed{program: "caro-telemetry-export", args: "--verify ~/export.json.gz", expect: "good"})
	d.run(typed{program: "caro-telemetry-export", args: "--summary ~/export.json.gz", lines: 8, expect: "SUMMARY OF AN EXPORT"})
}

func (d *demo) deliver() {
	d.say("The uploader meets a server that is out of order, keeps everything, and tries again")
	d.run(typed{program: "caro-telemetry-upload", code: exitTryAgain, expect: "everything is kept"})
	d.run(typed{program: "caro-telemetry-upload", args: "--force --verbose", lines: 6, expect: "sent"})
	if n := d.received(); n == 0 {
		d.fail("nothing arrived")
	}
	d.run(typed{args: "telemetry status", lines: 5, expect: "Pending      0 events, 0 bytes"})
}

func (d *demo) forget() {
	d.say("Deletion that is real: the ids of this install, a request, a receipt")
	before := d.received()
	d.run(typed{args: "telemetry delete-remote --yes", expect: "receipt"})
	if after := d.received(); after != before-4 {
		d.fail("the receiver has %d events, and had %d with the host's 4", after, before)
	}
}

func (d *demo) optOut() {
	d.say("And off again")
	d.run(typed{args: "config set telemetry.enabled false", expect: "removed 0 pending events"})
	d.run(typed{args: "telemetry show", expect: "Total: 0 events"})
}

// received counts the lines the receiver holds, compacted ones included.
func (d *demo) received() int {
	var out bytes.Buffer
	code := Run(Process{Program: "caro-telemetry-inspect", Name: "caro-telemetry-inspect",
		Args:  []string{"cat", "--dir", filepath.Join(d.home, "received")},
		Stdin: bytes.NewReader(nil), Stdout: &out, Stderr: os.Stderr, Getenv: d.getenv, Now: d.Now})
	if code != exitDone {
		d.fail("the receiver's log cannot be read")
	}
	return bytes.Count(out.Bytes(), []byte("\n"))
}
