package schema

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// sameEncoding holds Encode against the slow way, which writes with
// encoding/json: the same line or the same refusal.
func sameEncoding(t *testing.T, e Event) (fast bool) {
	t.Helper()
	for _, level := range append(Levels(), "") {
		got, err := Encode(e, level)
		want, wantErr := encodeSlowly(e, level)
		if got.String() != want.String() || got.head != want.head || !sameRefusal(err, wantErr) {
			t.Fatalf("%T at %q:\n got %s %+v %v\nwant %s %+v %v", e, level, got, got.head, err, want, want.head, wantErr)
		}
		if p := flatPlanOf(e.EventName()); level.Includes(p.level) {
			_, ok := p.encode(e, level)
			fast = fast || ok
		}
	}
	return fast
}

func sameRefusal(a, b error) bool {
	var v, w *Violation
	if errors.As(a, &v) && errors.As(b, &w) {
		return *v == *w
	}
	return a == b
}

func TestEncodeIsTheSameWithAndWithoutReflection(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	rounds := 500
	if testing.Short() {
		rounds = 100
	}
	for _, zero := range typedEvents() {
		good := must(Decode(parsed(t, validFixture(t, zero.EventName(), "full"))))
		sameEncoding(t, zero)
		if !sameEncoding(t, good) {
			t.Errorf("a good %T is not encoded the fast way", zero)
		}
		fast := 0
		for range rounds {
			if sameEncoding(t, disturbed(good, random)) {
				fast++
			}
		}
		if fast < rounds/30 || fast == rounds {
			t.Errorf("%T: %d of %d were encoded the fast way", zero, fast, rounds)
		}
	}
}

// disturbed is a copy of an event with one to three places changed.
func disturbed(e Event, random *rand.Rand) Event {
	changed := reflect.New(reflect.TypeOf(e)).Elem()
	changed.Set(reflect.ValueOf(e))
	for range 1 + random.IntN(3) {
		disturb(changed, random)
	}
	return changed.Interface().(Event)
}

var disturbingTexts = []string{"", "ollama", "cache", "mock", "E_X", "safe", "x86_64", "1.2.3", "1.2.3-rc.1+b", "qwen2.5-coder:7b", "/etc/passwd",
	`x","backend":"mock`, `\`, "a\nb", "a\x00", "\xff", "é", "<&>", "\u2028", testUUID7, "7d44c1e2-9b3f-4a6d-8e21-5f0c9ab37d10", "3fa91c07b2d4e685"}

var disturbingTimes = []time.Time{{}, time.Unix(0, 0), time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC),
	time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC),
	time.Date(2024, 2, 29, 23, 59, 59, 1e6, time.FixedZone("", -3600)), time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("", -3600))}

// disturb changes one place below v, which must be settable.
func disturb(v reflect.Value, random *rand.Rand) {
	switch v.Kind() {
	case reflect.Struct:
		if _, ok := v.Interface().(time.Time); ok {
			v.Set(reflect.ValueOf(disturbingTimes[random.IntN(len(disturbingTimes))]))
			return
		}
		disturb(v.Field(random.IntN(v.NumField())), random)
	case reflect.Pointer:
		if v.IsNil() || random.IntN(3) == 0 {
			v.SetZero()
			return
		}
		below := reflect.New(v.Type().Elem())
		below.Elem().Set(v.Elem())
		disturb(below.Elem(), random)
		v.Set(below)
	case reflect.String:
		v.SetString(disturbingTexts[random.IntN(len(disturbingTexts))])
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Float64:
		values := []float64{0, 1, 0.5, 0.1 + 0.2, math.Copysign(0, -1), -1, 1.5, math.NaN(), math.Inf(1), math.SmallestNonzeroFloat64, 1e-7, 1e21, random.Float64()}
		v.SetFloat(values[random.IntN(len(values))])
	default: // the unsigned ones
		values := []uint64{0, 1, 1<<32 - 1, 1<<53 - 1, 1 << 53, math.MaxUint64}
		v.SetUint(values[random.IntN(len(values))] & (1<<(8*v.Type().Size()) - 1))
	}
}

// An event type from elsewhere goes the slow way, whatever it calls itself.
func TestEncodeTakesTypesFromElsewhere(t *testing.T) {
	line := parsed(t, validFixture(t, NameErrorOccurred, "full"))
	event := must(Decode(line)).(ErrorOccurred)
	got, err := Encode(elsewhere{event}, Detailed)
	if err != nil || got.String() != line.String() {
		t.Errorf("got %s, %v", got, err)
	}
}

type elsewhere struct{ ErrorOccurred }

func (e elsewhere) WithHeader(h Header) Event { e.Header = h; return e }

func TestEncodeAllocatesTheLineOnly(t *testing.T) {
	for _, name := range Names() {
		event := must(Decode(parsed(t, validFixture(t, name, "full"))))
		if n := testing.AllocsPerRun(100, func() { _, _ = Encode(event, Detailed) }); n > 1 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
