package simulate

import (
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"caro.sh/telemetry/schema"
)

// session is one run of the simulated program. What is counted at its end is
// counted as it happens.
type session struct {
	o       *Options
	r       *rand.Rand
	ids     *ids
	machine machine
	id      string
	began   time.Time
	now     time.Time
	yield   func(schema.Line, error) bool

	end                  schema.SessionEnd
	blocks, retries      uint32
	pattern              schema.RetryPattern
	inference, execution []uint64
}

// sessionsPerInstallDay is how often one person runs the program in a day.
const sessionsPerInstallDay = 4

func newSession(o *Options, index int) *session {
	r := rand.New(rand.NewPCG(o.Seed, uint64(index)))
	installs := 1 + o.Sessions/(sessionsPerInstallDay*o.Days)
	m := newMachine(o.Seed, r.Uint64N(uint64(installs)))
	at := o.start(index, r.Float64())
	return &session{
		o: o, r: r, ids: newIDs(o.IDs, index), machine: m,
		id: o.IDs.sessionID(m.number, at, index), began: at, now: at,
	}
}

// errStop is how play learns that nobody wants more.
var errStop = errors.New("stop")

// play hands the session's events to yield, in order. It reports whether more
// are wanted.
func (s *session) play(yield func(schema.Line, error) bool) bool {
	s.yield = yield
	err := s.live()
	if err != nil && !errors.Is(err, errStop) {
		yield(schema.Line{}, err)
	}
	return err == nil
}

// emit stamps an event and hands it on.
func (s *session) emit(e schema.Event) error {
	h := schema.Header{Timestamp: s.now, SessionID: s.id, EventID: s.ids.event(s.now)}
	l, ok, err := s.o.encode(e.WithHeader(h))
	if err != nil {
		return err
	}
	if ok && !s.yield(l, nil) {
		return errStop
	}
	return nil
}

// wait lets time pass.
func (s *session) wait(ms uint64) { s.now = s.now.Add(time.Duration(ms) * time.Millisecond) }

func (s *session) live() error {
	if err := s.start(); err != nil {
		return err
	}
	s.end.ExitReason = schema.ExitUserComplete
	for range 1 + min(s.r.Uint64N(4)+uint64(s.r.ExpFloat64()*2), 24) {
		if err := s.request(); err != nil {
			return err
		}
		s.wait(logNormal(s.r, 9000, 1)) // reading, and typing the next one
	}
	if chance(s.r, 0.06) {
		s.end.ExitReason = schema.ExitUserAbort
	}
	return s.finish()
}

func (s *session) start() error {
	m := s.machine
	e := schema.SessionStart{
		CaroVersion: m.version, Platform: m.platform,
		BackendConfig: schema.BackendConfig{Primary: m.backend, FallbackEnabled: m.fallback},
		SafetyLevel:   m.safety, OutputFormat: m.output,
	}
	if chance(s.r, 0.03) {
		e.IsFirstRun = new(true)
	}
	err := s.emit(e)
	s.wait(logNormal(s.r, 180, 0.5))
	return err
}

// request is one wish of the user: generated, perhaps again, perhaps executed.
func (s *session) request() error {
	if chance(s.r, 0.035) {
		if err := s.fail(); err != nil {
			return err
		}
		if !s.machine.fallback {
			return nil
		}
	}
	again := pick(s.r, []weighted[uint32]{{82, 0}, {12, 1}, {4, 2}, {2, 3}})
	for try := range again + 1 {
		g := s.generated(try)
		if try == again {
			s.count(again)
		}
		if err := s.emit(g); err != nil {
			return err
		}
		s.wait(logNormal(s.r, 2500, 0.7)) // reading the suggestion
		if try < again {
			s.retries++
			continue
		}
		return s.decide(g)
	}
	return nil
}

// count files a wish under the number of its retries.
func (s *session) count(retries uint32) {
	switch retries {
	case 0:
		s.pattern.None++
	case 1:
		s.pattern.One++
	case 2:
		s.pattern.Two++
	default:
		s.pattern.ThreeOrMore++
	}
}

func (s *session) generated(try uint32) schema.CommandGenerated {
	ms := logNormal(s.r, s.machine.inferenceMS, 0.45)
	s.wait(ms)
	s.inference = append(s.inference, ms)
	s.end.CommandsGenerated++
	risk := pick(s.r, []weighted[schema.RiskLevel]{
		{84, schema.RiskSafe}, {10, schema.RiskModerate}, {4, schema.RiskHigh}, {2, schema.RiskCritical},
	})
	result := schema.SafetyResult{RiskLevel: risk}
	if risk != schema.RiskSafe {
		result.PatternsMatched = 1 + s.r.Uint32N(3)
	}
	confidence := math.Round((1-0.35*s.r.Float64()*s.r.Float64()-0.02)*1000) / 1000
	return schema.CommandGenerated{
		GenerationID: s.ids.generation(), BackendUsed: s.machine.backend, InferenceTimeMS: ms,
		SafetyResult: result, ModelName: s.machine.model,
		InputTokenCount:  new(uint32(40 + logNormal(s.r, 160, 0.4))),
		OutputTokenCount: new(uint32(logNormal(s.r, 22, 0.6))),
		ConfidenceScore:  &confidence, RetryCount: &try,
	}
}

// decide lets the safety check and then the user have a say.
func (s *session) decide(g schema.CommandGenerated) error {
	if g.SafetyResult.RiskLevel != schema.RiskSafe {
		allowed, err := s.guard(g)
		if err != nil || !allowed {
			return err
		}
	}
	if !chance(s.r, 0.78) {
		return nil // read it, and did not want it
	}
	return s.execute(g)
}

var categories = []weighted[schema.PatternCategory]{
	{30, schema.PatternFilesystemDestruction}, {24, schema.PatternPrivilegeEscalation}, {9, schema.PatternDiskOperation},
	{7, schema.PatternNetworkExfiltration}, {12, schema.PatternSystemModification}, {10, schema.PatternServiceControl},
	{6, schema.PatternConfigModification}, {2, schema.PatternOther},
}

// guard is the safety check stepping in.
func (s *session) guard(g schema.CommandGenerated) (allowed bool, err error) {
	e := schema.SafetyTriggered{
		GenerationID: g.GenerationID, RiskLevel: g.SafetyResult.RiskLevel,
		PatternCategory: pick(s.r, categories), ActionTaken: s.verdict(g.SafetyResult.RiskLevel),
		SafetyLevelConfig: s.machine.safety,
	}
	allowed = e.ActionTaken != schema.ActionBlocked
	if e.ActionTaken == schema.ActionWarned {
		allowed = chance(s.r, 0.6)
		e.UserOverride = &allowed
	}
	if e.ActionTaken == schema.ActionBlocked {
		s.blocks++
	}
	s.wait(1)
	return allowed, s.emit(e)
}

// verdict is what the safety check does about a risk as it is set.
func (s *session) verdict(risk schema.RiskLevel) schema.Action {
	switch {
	case risk == schema.RiskCritical && s.machine.safety != schema.SafetyPermissive,
		risk == schema.RiskHigh && s.machine.safety == schema.SafetyStrict:
		return schema.ActionBlocked
	case risk == schema.RiskModerate && s.machine.safety == schema.SafetyPermissive:
		return schema.ActionAllowed
	}
	return schema.ActionWarned
}

func (s *session) execute(g schema.CommandGenerated) error {
	mode := pick(s.r, []weighted[schema.ExecutionMode]{
		{80, schema.ExecutionConfirmed}, {8, schema.ExecutionDryRun}, {12, schema.ExecutionInteractive},
	})
	if s.machine.autoConfirms {
		mode = schema.ExecutionAutoConfirm
	}
	e := schema.CommandExecuted{GenerationID: g.GenerationID, ExecutionMode: mode, ModifiedBeforeExecution: chance(s.r, 0.11)}
	if mode != schema.ExecutionDryRun {
		ms := logNormal(s.r, 90, 1.4)
		s.wait(ms)
		s.execution = append(s.execution, ms)
		e.ExecutionTimeMS = &ms
		e.ExitCodeCategory = pick(s.r, []weighted[schema.ExitCodeCategory]{
			{91, schema.ExitCodeSuccess}, {8, schema.ExitCodeError}, {1, schema.ExitCodeTimeout},
		})
	}
	s.end.CommandsExecuted++
	return s.emit(e)
}

var failures = []weighted[schema.ErrorOccurred]{
	{40, schema.ErrorOccurred{ErrorCategory: schema.ErrorBackendTimeout, ErrorCode: "E_BACKEND_TIMEOUT", Component: "backend"}},
	{25, schema.ErrorOccurred{ErrorCategory: schema.ErrorBackendConnection, ErrorCode: "E_CONNECTION_REFUSED", Component: "backend"}},
	{15, schema.ErrorOccurred{ErrorCategory: schema.ErrorBackendParse, ErrorCode: "E_PARSE_OUTPUT", Component: "parser"}},
	{10, schema.ErrorOccurred{ErrorCategory: schema.ErrorModelLoad, ErrorCode: "E_MODEL_LOAD", Component: "model_loader"}},
	{6, schema.ErrorOccurred{ErrorCategory: schema.ErrorValidation, ErrorCode: "E_VALIDATION", Component: "validator"}},
	{4, schema.ErrorOccurred{ErrorCategory: schema.ErrorExecution, ErrorCode: "E_EXECUTION", Component: "executor"}},
}

// fail is an error of the program; with a fallback it goes on.
func (s *session) fail() error {
	e := pick(s.r, failures)
	e.Backend = s.machine.backend
	e.Recoverable, e.FallbackAttempted = new(s.machine.fallback), new(s.machine.fallback)
	s.end.ErrorsEncountered++
	s.wait(logNormal(s.r, 1500, 0.8))
	return s.emit(e)
}

func (s *session) finish() error {
	e := s.end
	if e.ErrorsEncountered > 0 && e.CommandsGenerated == 0 {
		e.ExitReason = schema.ExitError
	}
	e.SessionDurationMS = uint64(s.now.Sub(s.began).Milliseconds())
	e.SafetyBlocks, e.Retries = &s.blocks, &s.retries
	e.Performance = &schema.Performance{InferenceTimeMS: percentiles(s.inference), ExecutionTimeMS: percentiles(s.execution)}
	e.RetryPattern = &s.pattern
	return s.emit(e)
}
