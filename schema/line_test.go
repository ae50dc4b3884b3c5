package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// parsed parses what a test relies on being good.
func parsed(t testing.TB, raw []byte) Line {
	t.Helper()
	line, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// with returns a full fixture with one piece of text replaced.
func with(t testing.TB, name Name, old, new string) []byte {
	t.Helper()
	raw := string(validFixture(t, name, "full"))
	changed := strings.Replace(raw, old, new, 1)
	if changed == raw {
		t.Fatalf("%s is not in the full fixture of %s", old, name)
	}
	return []byte(changed)
}

func TestParseKeepsNothingOfItsInput(t *testing.T) {
	raw := validFixture(t, NameSessionEnd, "full")
	want := string(raw)
	line := parsed(t, raw)
	clear(raw)
	if line.String() != want {
		t.Error("the line changed with the caller's buffer")
	}
}

func TestLineKnowsItsHeader(t *testing.T) {
	line := parsed(t, validFixture(t, NameSafetyTriggered, "full"))
	if got, want := line.Timestamp(), time.Date(2026, 11, 23, 10, 15, 30, 123e6, time.UTC); !got.Equal(want) || got.Location() != time.UTC {
		t.Errorf("timestamp is %v", got)
	}
	if line.SessionID() != "3fa91c07b2d4e685" || line.EventID() != testUUID7 {
		t.Errorf("ids are %q, %q", line.SessionID(), line.EventID())
	}
	if line.Len() != len(line.Bytes()) || line.IsZero() {
		t.Errorf("length is %d of %d", line.Len(), len(line.Bytes()))
	}
	var none Line
	if !none.IsZero() || none.Name() != "" || !none.Timestamp().IsZero() || none.SessionID() != "" || none.EventID() != "" || none.Len() != 0 {
		t.Error("the zero Line says something")
	}
}

// A timestamp's text is kept as it came, with any number of fraction digits.
func TestTimestampsKeepTheirText(t *testing.T) {
	for text, nanos := range map[string]int{
		"2026-11-23T10:15:30Z": 0, "2026-11-23T10:15:30.1Z": 1e8, "2026-11-23T10:15:30.000Z": 0,
		"2026-11-23T10:15:30.100000000Z": 1e8, "2026-11-23T10:15:30.123456789Z": 123456789,
		"2024-02-29T23:59:59Z": 0, "0001-01-01T00:00:00Z": 0, "9999-12-31T23:59:59.999Z": 999e6,
	} {
		raw := with(t, NameErrorOccurred, testTime, text)
		line := parsed(t, raw)
		if !bytes.Equal(line.Bytes(), raw) {
			t.Errorf("%s became %s", text, line)
		}
		if line.Timestamp().Nanosecond() != nanos || line.SessionID() != "3fa91c07b2d4e685" || line.EventID() != testUUID7 {
			t.Errorf("%s: read as %v, %q, %q", text, line.Timestamp(), line.SessionID(), line.EventID())
		}
	}
}

func TestWithEventIDAddsOneOnce(t *testing.T) {
	for _, name := range Names() {
		bare := parsed(t, validFixture(t, name, "minimal"))
		line, err := bare.WithEventID(testUUID7)
		if err != nil {
			t.Fatal(err)
		}
		if line.EventID() != testUUID7 || bare.EventID() != "" {
			t.Errorf("ids are %q and %q", line.EventID(), bare.EventID())
		}
		if want := strings.Replace(bare.String(), `e685",`, `e685","event_id":"`+testUUID7+`",`, 1); line.String() != want {
			t.Errorf("got %s, want %s", line, want)
		}
		again, err := line.WithEventID("019aafc2-1d5b-7c3e-9a41-000000000000")
		if err != nil || again.EventID() != testUUID7 {
			t.Errorf("a given id was replaced: %q, %v", again.EventID(), err)
		}
	}
	for _, bad := range []string{"", "x", `","component":"`, strings.ToUpper(testUUID7), "7d44c1e2-9b3f-4a6d-8e21-5f0c9ab37d10"} {
		line, err := parsed(t, validFixture(t, NameSessionEnd, "minimal")).WithEventID(bad)
		var v *Violation
		if !errors.As(err, &v) || v.Pointer != "/event_id" || !line.IsZero() {
			t.Errorf("%q was taken: %v", bad, err)
		}
	}
}

func TestAtLevelLeavesOffWhatIsAbove(t *testing.T) {
	for _, name := range Names() {
		full := parsed(t, validFixture(t, name, "full"))
		for _, level := range append(Levels(), "", "verbose") {
			line, ok := full.AtLevel(level)
			if want := level.Includes(EventLevel(name)); ok != want {
				t.Errorf("%s at %q: recorded is %v", name, level, ok)
			}
			if !ok {
				if !line.IsZero() {
					t.Errorf("%s at %q: not recorded, but there is a line", name, level)
				}
				continue
			}
			if again := parsed(t, line.Bytes()); again.String() != line.String() {
				t.Errorf("%s at %s is not canonical: %s", name, level, line)
			}
			root, _ := decode(line.Bytes())
			for _, f := range Fields(name) {
				at := root
				for _, key := range strings.Split(f.Path, ".") {
					if at != nil {
						at = at.member(key)
					}
				}
				if present := at != nil; present != level.Includes(f.Level) {
					t.Errorf("%s.%s at %s: present is %v", name, f.Path, level, present)
				}
			}
		}
	}
}

// Every fixture is the same line again after it has been a typed event.
func TestDecodeAndEncodeGiveTheSameLine(t *testing.T) {
	for _, name := range Names() {
		for _, variant := range []string{"minimal", "full"} {
			line := parsed(t, validFixture(t, name, variant))
			event, err := Decode(line)
			if err != nil {
				t.Fatal(err)
			}
			if event.EventName() != name || reflect.TypeOf(event).Kind() != reflect.Struct {
				t.Errorf("%s decoded as %T", name, event)
			}
			again, err := Encode(event, Detailed)
			if err != nil || again.String() != line.String() || again.Name() != name {
				t.Errorf("%s-%s:\n got %s, %v\nwant %s", name, variant, again, err, line)
			}
		}
	}
	if event, err := Decode(Line{}); err == nil || event != nil {
		t.Errorf("the zero Line decoded as %v", event)
	}
}

func TestEncodeLeavesOffWhatIsAbove(t *testing.T) {
	for _, name := range Names() {
		line := parsed(t, validFixture(t, name, "full"))
		event, err := Decode(line)
		if err != nil {
			t.Fatal(err)
		}
		for _, level := range append(Levels(), "") {
			want, ok := line.AtLevel(level)
			got, err := Encode(event, level)
			if ok != (err == nil) || !ok && !errors.Is(err, ErrAboveLevel) || got.String() != want.String() {
				t.Errorf("%s at %q: got %s, %v, want %s", name, level, got, err, want)
			}
		}
	}
}

// What is above the level cannot have an event refused: it is never looked at.
func TestEncodeJudgesOnlyWhatIsRecorded(t *testing.T) {
	event, _ := Decode(parsed(t, validFixture(t, NameCommandGenerated, "full")))
	generated := event.(CommandGenerated)
	generated.ConfidenceScore = new(1.5)
	if _, err := Encode(generated, Standard); err != nil {
		t.Error(err)
	}
	if _, err := Encode(withConfidence(generated, math.NaN()), Standard); err != nil {
		t.Error(err)
	}
	var v *Violation
	if _, err := Encode(generated, Detailed); !errors.As(err, &v) || v.Pointer != "/confidence_score" || v.Rule != "maximum" {
		t.Errorf("got %v", err)
	}
}

func TestEncodeRefusesWhatBreaksTheContract(t *testing.T) {
	event, _ := Decode(parsed(t, validFixture(t, NameErrorOccurred, "full")))
	good := event.(ErrorOccurred)
	event, _ = Decode(parsed(t, validFixture(t, NameCommandGenerated, "full")))
	generated := event.(CommandGenerated)
	for name, c := range map[string]struct {
		event   Event
		pointer string
		rule    string
	}{
		"no timestamp":  {good.WithHeader(Header{SessionID: good.SessionID}), "/timestamp", "required"},
		"no session":    {good.WithHeader(Header{Timestamp: good.Timestamp}), "/session_id", "required"},
		"year 10000":    {good.WithHeader(Header{Timestamp: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), SessionID: good.SessionID}), "/timestamp", "format"},
		"empty code":    {ErrorOccurred{Header: good.Header, ErrorCategory: ErrorUnknown, Component: "main"}, "/error_code", "pattern"},
		"unset enum":    {ErrorOccurred{Header: good.Header, ErrorCode: "E_X", Component: "main"}, "/error_category", "enum"},
		"not a number":  {withConfidence(generated, math.NaN()), "/confidence_score", "type"},
		"infinite":      {withConfidence(generated, math.Inf(1)), "/confidence_score", "type"},
		"bytes of text": {ErrorOccurred{Header: good.Header, ErrorCategory: ErrorUnknown, ErrorCode: "E_X", Component: "a\xff"}, "/component", ""},
	} {
		line, err := Encode(c.event, Detailed)
		var v *Violation
		if !errors.As(err, &v) || v.Pointer != c.pointer || c.rule != "" && v.Rule != c.rule || !line.IsZero() {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func withConfidence(e CommandGenerated, f float64) CommandGenerated {
	e.ConfidenceScore = &f
	return e
}

func TestEncodeWritesMillisecondsInUTC(t *testing.T) {
	event := SessionEnd{Header: Header{SessionID: "3fa91c07b2d4e685",
		Timestamp: time.Date(2026, 11, 23, 12, 15, 30, 123999999, time.FixedZone("", 2*3600))}}
	line, err := Encode(event, Minimal)
	if err != nil || !strings.Contains(line.String(), `"timestamp":"2026-11-23T10:15:30.123Z"`) {
		t.Errorf("got %s, %v", line, err)
	}
}

// Numbers are stored as shortest decimals without an exponent.
func TestConfidenceIsAShortestDecimal(t *testing.T) {
	for spelled, want := range map[string]string{
		"0": "0", "1": "1", "0.5": "0.5", "0.50": "0.5", "1.0": "1", "0.0": "0", "-0": "0", "-0.0e5": "0", "5e-1": "0.5", "0.05E+1": "0.5",
		"100e-2": "1", "1e-5": "0.00001", "0.00001": "0.00001", "1e-400": "0", "0.1000000000000000055511151231257827": "0.1",
		"0.87654321": "0.87654321", "0.30000000000000004": "0.30000000000000004",
	} {
		line, err := Parse(with(t, NameCommandGenerated, "0.93", spelled))
		if err != nil {
			t.Errorf("%s: %v", spelled, err)
			continue
		}
		if !strings.Contains(line.String(), `"confidence_score":`+want+`,`) {
			t.Errorf("%s is stored in %s", spelled, line)
		}
	}
}

// What jq prints of a stored line is the line. Below 0.0001 jq 1.6 prints an
// exponent, which the contract does not have: docs/decisions/0003.
func TestCanonicalLinesAreWhatJQPrints(t *testing.T) {
	jq, err := exec.LookPath("jq")
	if err != nil {
		t.Skip("jq is not installed")
	}
	var log bytes.Buffer
	for _, name := range Names() {
		for _, variant := range []string{"minimal", "full", "exotic"} {
			log.Write(append(slices.Clip(parsed(t, validFixture(t, name, variant)).Bytes()), '\n'))
		}
	}
	for _, score := range []string{"0", "1", "0.0001", "0.12345", "0.87654321", "0.30000000000000004", "1e-4", "100e-2", "-0"} {
		log.Write(append(slices.Clip(parsed(t, with(t, NameCommandGenerated, "0.93", score)).Bytes()), '\n'))
	}
	command := exec.Command(jq, "-c", ".")
	command.Stdin = bytes.NewReader(log.Bytes())
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out, log.Bytes()) {
		t.Errorf("jq prints\n%s\nof\n%s", out, log.Bytes())
	}
}

// The longest line there can be is far below the bound, so that adding an
// event id or leaving off a field never makes one too long.
func TestTheLongestLineFits(t *testing.T) {
	line := parsed(t, with(t, NameCommandGenerated, "0.93", "5e-324"))
	if line.Len() > MaxLineBytes/2 {
		t.Errorf("a line of %d bytes", line.Len())
	}
}

func TestViolationsMarshalAsTheContractSays(t *testing.T) {
	_, err := Parse(with(t, NameErrorOccurred, `"ollama_client"`, `"/etc/passwd"`))
	out, jsonErr := json.Marshal(err)
	if jsonErr != nil || !strings.HasPrefix(string(out), `{"category":"path","pointer":"/component","length":11,"rule":"`) {
		t.Errorf("got %s, %v", out, jsonErr)
	}
}
