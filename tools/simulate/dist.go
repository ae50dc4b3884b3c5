package simulate

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"caro.sh/telemetry/schema"
)

// weighted is one of several things that happen about so often.
type weighted[T any] struct {
	weight int
	value  T
}

// pick draws one of choices by weight.
func pick[T any](r *rand.Rand, choices []weighted[T]) T {
	total := 0
	for _, c := range choices {
		total += c.weight
	}
	n := r.IntN(total)
	for _, c := range choices {
		if n -= c.weight; n < 0 {
			return c.value
		}
	}
	return choices[len(choices)-1].value
}

// chance is true with probability p.
func chance(r *rand.Rand, p float64) bool { return r.Float64() < p }

// logNormal draws a duration in ms around a median; spread 0.5 puts 95 % within
// a factor of 2.7 of it.
func logNormal(r *rand.Rand, median, spread float64) uint64 {
	ms := median * math.Exp(spread*r.NormFloat64())
	return uint64(min(max(ms, 1), 10*60*1000))
}

// byHour says how many of 1,000 sessions begin in each hour of a UTC day.
var byHour = [24]int{14, 10, 8, 7, 9, 14, 25, 42, 58, 68, 72, 66, 60, 68, 74, 76, 70, 62, 52, 44, 36, 29, 21, 15}

// clockOf is when in the day a share of the day's sessions has begun.
func clockOf(share float64) time.Duration {
	const all = 1000
	left := share * all
	for hour, n := range byHour {
		if left < float64(n) {
			within := left / float64(n) * float64(time.Hour)
			return time.Duration(hour)*time.Hour + time.Duration(within)
		}
		left -= float64(n)
	}
	return 24*time.Hour - time.Millisecond
}

// machine is one simulated install: what it runs on and how it is set.
type machine struct {
	number       uint64
	platform     schema.Platform
	version      string
	backend      schema.Backend
	fallback     bool
	model        string
	inferenceMS  float64 // the median
	safety       schema.SafetyLevel
	output       schema.OutputFormat
	autoConfirms bool
}

// model is a model name and how much slower than the usual it answers.
type model struct {
	name   string
	factor float64
}

var platforms = []weighted[schema.Platform]{
	{34, schema.Platform{OS: schema.OSMacOS, Arch: schema.ArchAArch64, Shell: schema.ShellZsh}},
	{6, schema.Platform{OS: schema.OSMacOS, Arch: schema.ArchX8664, Shell: schema.ShellBash}},
	{3, schema.Platform{OS: schema.OSMacOS, Arch: schema.ArchAArch64, Shell: schema.ShellFish}},
	{31, schema.Platform{OS: schema.OSLinux, Arch: schema.ArchX8664, Shell: schema.ShellBash}},
	{9, schema.Platform{OS: schema.OSLinux, Arch: schema.ArchX8664, Shell: schema.ShellZsh}},
	{4, schema.Platform{OS: schema.OSLinux, Arch: schema.ArchAArch64, Shell: schema.ShellSh}},
	{1, schema.Platform{OS: schema.OSLinux, Arch: schema.ArchARM, Shell: schema.ShellUnknown}},
	{10, schema.Platform{OS: schema.OSWindows, Arch: schema.ArchX8664, Shell: schema.ShellPowerShell}},
	{2, schema.Platform{OS: schema.OSWindows, Arch: schema.ArchX8664, Shell: schema.ShellCmd}},
}

var versions = []weighted[string]{{40, "1.3.0"}, {25, "1.2.1"}, {15, "1.2.0"}, {8, "1.1.3"}, {7, "1.4.0-beta.2"}, {5, "1.0.4"}}

var backends = []weighted[schema.Backend]{
	{55, schema.BackendOllama}, {30, schema.BackendEmbeddedCPU}, {11, schema.BackendVLLM},
	{3, schema.BackendExo}, {1, schema.BackendMock},
}

var appleBackends = []weighted[schema.Backend]{
	{60, schema.BackendEmbeddedMLX}, {33, schema.BackendOllama}, {5, schema.BackendVLLM}, {2, schema.BackendExo},
}

var embeddedModels = []weighted[model]{
	{70, model{"qwen2.5-coder-1.5b-instruct-q4_k_m", 1}}, {30, model{"smollm2-1.7b-instruct-q4_k_m", 1.1}},
}

var servedModels = []weighted[model]{
	{30, model{"qwen2.5-coder:7b", 1.4}}, {20, model{"llama3.2:3b", 0.8}}, {14, model{"codellama:7b", 1.5}},
	{12, model{"mistral:7b-instruct", 1.4}}, {12, model{"deepseek-coder:6.7b", 1.5}},
	{7, model{"phi3:mini", 0.7}}, {5, model{"meta-llama/Llama-3.1-8B-Instruct", 1.6}},
}

// newMachine draws an install; the same number is the same install throughout.
func newMachine(seed, number uint64) machine {
	r := rand.New(rand.NewPCG(seed, ^number))
	m := machine{number: number, platform: pick(r, platforms), version: pick(r, versions), fallback: chance(r, 0.7)}
	m.backend, m.inferenceMS = pick(r, backends), 900
	if m.platform.OS == schema.OSMacOS && m.platform.Arch == schema.ArchAArch64 {
		m.backend = pick(r, appleBackends)
	}
	models := servedModels
	switch m.backend {
	case schema.BackendEmbeddedMLX:
		models, m.inferenceMS = embeddedModels, 420
	case schema.BackendEmbeddedCPU:
		models, m.inferenceMS = embeddedModels, 2600
	case schema.BackendVLLM:
		m.inferenceMS = 350
	}
	chosen := pick(r, models)
	m.model = chosen.name
	m.inferenceMS *= chosen.factor * (0.7 + 0.6*r.Float64())
	m.safety = pick(r, []weighted[schema.SafetyLevel]{{68, schema.SafetyModerate}, {24, schema.SafetyStrict}, {8, schema.SafetyPermissive}})
	m.output = pick(r, []weighted[schema.OutputFormat]{{90, schema.OutputPlain}, {8, schema.OutputJSON}, {2, schema.OutputYAML}})
	m.autoConfirms = chance(r, 0.12)
	return m
}

// percentiles are by nearest rank; those of nothing are 0.
func percentiles(ms []uint64) schema.Percentiles {
	if len(ms) == 0 {
		return schema.Percentiles{}
	}
	sorted := slices.Sorted(slices.Values(ms))
	rank := func(p int) uint64 { return sorted[(p*len(sorted)+99)/100-1] }
	return schema.Percentiles{P50: rank(50), P90: rank(90), P95: rank(95), P99: rank(99), Max: sorted[len(sorted)-1]}
}
