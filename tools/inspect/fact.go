package inspect

import (
	"hash/maphash"
	"math/bits"
	"slices"
	"sync"

	"caro.sh/telemetry/schema"
)

// A fact is what one event says that is counted. Words are 1 + their place in the
// schema's list, 0 where the event has none.
type fact struct {
	run        uint64 // hash of the session id
	id         uint64 // hash of session and event id, 0 for none
	generation uint64 // hash of session and generation id, 0 for none
	at         int64  // milliseconds since 1970
	amount     uint64 // inference time; commands generated in a session
	retries    int64  // -1 where it does not say
	install    uint32 // the first half of the session id
	text       uint32 // number of the version or model
	event      uint8
	backend    uint8
	os         uint8
	arch       uint8
	shell      uint8
	word       uint8 // action, error category or exit reason
	yes        bool  // carried out as generated; overridden
}

// The events, in the order of schema.Names.
const (
	sessionStart uint8 = iota
	sessionEnd
	commandGenerated
	commandExecuted
	safetyTriggered
	errorOccurred
	eventKinds
)

// words are the values a field can have.
type words []string

func wordsOf[T ~string](values []T) words {
	list := make(words, len(values))
	for i, v := range values {
		list[i] = string(v)
	}
	return list
}

// of is the number of a word, with or without quotes.
func (w words) of(value []byte) uint8 {
	return uint8(1 + slices.Index(w, string(unquoted(value))))
}

// name is the word of a number, "" for none.
func (w words) name(number uint8) string {
	if number == 0 {
		return ""
	}
	return w[number-1]
}

var (
	eventWords    = wordsOf(schema.Names())
	backendWords  = wordsOf(schema.Backend("").Values())
	osWords       = wordsOf(schema.OS("").Values())
	archWords     = wordsOf(schema.Arch("").Values())
	shellWords    = wordsOf(schema.Shell("").Values())
	actionWords   = wordsOf(schema.Action("").Values())
	categoryWords = wordsOf(schema.ErrorCategory("").Values())
	reasonWords   = wordsOf(schema.ExitReason("").Values())
)

// reader reads facts out of events; each goroutine has its own.
type reader struct {
	seed  maphash.Seed
	texts *texts
	known map[string]uint32 // of texts
}

// read takes what is counted out of an event, in one pass over its members.
func (r *reader) read(l schema.Line) fact {
	f := fact{event: kindOf(l.Name()), at: l.Timestamp().UnixMilli(), retries: -1}
	m := membersOf(l.Bytes())
	for done := false; !done; {
		name, value, ok := m.next()
		if !ok {
			break
		}
		switch string(name) {
		case "event", "timestamp":
		case "session_id":
			f.install, f.run = hexadecimal(unquoted(value)[:8]), r.hash(value)
		case "event_id":
			f.id = r.hash(value)
		case "generation_id":
			f.generation = r.hash(value)
		default:
			done = r.own(&f, name, value)
		}
	}
	f.id, f.generation = both(f.id, f.run), both(f.generation, f.run)
	return f
}

func (r *reader) hash(value []byte) uint64 { return max(1, maphash.Bytes(r.seed, value)) }

// both is a hash of two things that have one each, 0 where the first has none.
func both(first, second uint64) uint64 {
	if first == 0 {
		return 0
	}
	return max(1, first^bits.RotateLeft64(second, 32))
}

// own reads a member that not all events have, and reports whether nothing that is
// counted follows it in canonical order.
func (r *reader) own(f *fact, name, value []byte) (done bool) {
	switch f.event {
	case sessionStart:
		return r.start(f, name, value)
	case sessionEnd:
		return end(f, name, value)
	case commandGenerated:
		r.generated(f, name, value)
	case commandExecuted:
		return executed(f, name, value)
	case safetyTriggered:
		triggered(f, name, value)
	case errorOccurred:
		occurred(f, name, value)
	}
	return false
}

func (r *reader) start(f *fact, name, value []byte) (done bool) {
	switch string(name) {
	case "caro_version":
		f.text = r.number(unquoted(value))
	case "platform":
		f.os = osWords.of(memberOf(value, "os"))
		f.arch = archWords.of(memberOf(value, "arch"))
		f.shell = shellWords.of(memberOf(value, "shell"))
	case "backend_config":
		f.backend = backendWords.of(memberOf(value, "primary"))
		return true
	}
	return false
}

func end(f *fact, name, value []byte) (done bool) {
	switch string(name) {
	case "commands_generated":
		f.amount = integer(value)
	case "exit_reason":
		f.word = reasonWords.of(value)
	case "retries":
		f.retries = int64(integer(value))
		return true
	}
	return false
}

func (r *reader) generated(f *fact, name, value []byte) {
	switch string(name) {
	case "backend_used":
		f.backend = backendWords.of(value)
	case "inference_time_ms":
		f.amount = integer(value)
	case "model_name":
		f.text = r.number(unquoted(value))
	case "retry_count":
		f.retries = int64(integer(value))
	}
}

// executed says yes where a command was carried out as it was generated. The mode
// comes first in a canonical line.
func executed(f *fact, name, value []byte) (done bool) {
	switch string(name) {
	case "execution_mode":
		f.yes = string(unquoted(value)) != string(schema.ExecutionDryRun)
	case "modified_before_execution":
		f.yes = f.yes && string(value) == "false"
		return true
	}
	return false
}

func triggered(f *fact, name, value []byte) {
	switch string(name) {
	case "action_taken":
		f.word = actionWords.of(value)
	case "user_override":
		f.yes = string(value) == "true"
	}
}

func occurred(f *fact, name, value []byte) {
	switch string(name) {
	case "error_category":
		f.word = categoryWords.of(value)
	case "backend":
		f.backend = backendWords.of(value)
	}
}

func memberOf(object []byte, want string) []byte {
	m := membersOf(object)
	for {
		name, value, ok := m.next()
		if !ok || string(name) == want {
			return value
		}
	}
}

// kindOf is which event a name is.
func kindOf(name schema.Name) uint8 {
	switch name {
	case schema.NameSessionStart:
		return sessionStart
	case schema.NameSessionEnd:
		return sessionEnd
	case schema.NameCommandGenerated:
		return commandGenerated
	case schema.NameCommandExecuted:
		return commandExecuted
	case schema.NameSafetyTriggered:
		return safetyTriggered
	}
	return errorOccurred
}

// hexadecimal reads lower-case digits.
func hexadecimal(digits []byte) uint32 {
	var n uint32
	for _, d := range digits {
		if d > '9' {
			d -= 'a' - '9' - 1
		}
		n = n<<4 | uint32(d-'0')
	}
	return n
}

// integer reads a whole number that the schemas let pass.
func integer(value []byte) uint64 {
	var n uint64
	for _, digit := range value {
		n = 10*n + uint64(digit-'0')
	}
	return n
}

// number is the number of a text in texts.
func (r *reader) number(text []byte) uint32 {
	if n, ok := r.known[string(text)]; ok {
		return n
	}
	n := r.texts.number(string(text))
	r.known[string(text)] = n
	return n
}

// texts numbers versions and models from 1 on. It may be used by several
// goroutines.
type texts struct {
	mu      sync.Mutex
	numbers map[string]uint32
	list    []string
}

func newTexts() *texts { return &texts{numbers: map[string]uint32{}, list: []string{""}} }

func (t *texts) number(text string) uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, ok := t.numbers[text]
	if !ok {
		n = uint32(len(t.list))
		t.list = append(t.list, text)
		t.numbers[text] = n
	}
	return n
}
