package settings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// file writes a settings file and reads it.
func file(t *testing.T, text string) Document {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Read(path)
}

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestFirstRuleThatSpeaksDecides(t *testing.T) {
	const (
		none   = ""
		on     = "[telemetry]\nenabled = true\n"
		off    = "[telemetry]\nenabled = false\n"
		broken = "[telemetry]\nenabled = true\nlevel = 'loud'\n"
		noTOML = "[telemetry\n"
	)
	for _, test := range []struct {
		name    string
		flag    bool
		noTrack string
		env     string
		file    string
		enabled bool
		reason  Reason
	}{
		{name: "nothing said", reason: ReasonUnset},
		{name: "file on", file: on, enabled: true, reason: ReasonFile},
		{name: "file off", file: off, reason: ReasonFile},
		{name: "env on", env: "1", enabled: true, reason: ReasonEnvironment},
		{name: "env off", env: "0", reason: ReasonEnvironment},
		{name: "env on, file off", env: "On", file: off, enabled: true, reason: ReasonEnvironment},
		{name: "env off, file on", env: "no", file: on, reason: ReasonEnvironment},
		{name: "DNT, env on, file on", noTrack: "1", env: "true", file: on, reason: ReasonNoTrack},
		{name: "DNT says anything", noTrack: "please", file: on, reason: ReasonNoTrack},
		{name: "DNT no is not 0", noTrack: "no", file: on, reason: ReasonNoTrack},
		{name: "DNT 0", noTrack: "0", file: on, enabled: true, reason: ReasonFile},
		{name: "DNT False", noTrack: "False", file: on, enabled: true, reason: ReasonFile},
		{name: "flag, DNT 0, env on, file on", flag: true, noTrack: "0", env: "on", file: on, reason: ReasonFlag},
		{name: "flag and DNT", flag: true, noTrack: "1", reason: ReasonFlag},
		{name: "flag and broken", flag: true, file: broken, reason: ReasonFlag},
		{name: "DNT and broken", noTrack: "1", file: broken, reason: ReasonNoTrack},
		{name: "broken value", file: broken, reason: ReasonBroken},
		{name: "broken value, env on", env: "true", file: broken, reason: ReasonBroken},
		{name: "broken env, file on", env: "perhaps", file: on, reason: ReasonBroken},
		{name: "no TOML, env on", env: "true", file: noTOML, reason: ReasonBroken},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := Resolve(Input{
				NoTelemetry: test.flag, Getenv: env(EnvNoTrack, test.noTrack, EnvEnabled, test.env), File: file(t, test.file),
			})
			if s.Enabled != test.enabled || s.Reason != test.reason {
				t.Errorf("enabled %v for %s, want %v for %s", s.Enabled, s.Reason, test.enabled, test.reason)
			}
			if (s.Reason == ReasonBroken) && len(s.Problems) == 0 {
				t.Error("broken without a problem")
			}
		})
	}
}

func TestValuesAndWhatTheyMayBe(t *testing.T) {
	for _, test := range []struct {
		key  *key
		good map[string]string // spelling to value
		bad  []string
	}{
		{&keyEnabled, map[string]string{"true": "true", "TRUE": "true", "1": "true", "Yes": "true", "on": "true",
			"false": "false", "0": "false", "NO": "false", "off": "false"}, []string{" ", "y", "2", "enabled", "true "}},
		{&keyLevel, map[string]string{"minimal": "minimal", "standard": "standard", "detailed": "detailed"}, []string{"loud", "Minimal", "1"}},
		{&keyInterval, map[string]string{"1": "1", "24": "24", "8760": "8760", "+7": "7"}, []string{"0", "8761", "-1", "1.5", "1h", "24 "}},
		{&keyCap, map[string]string{"2": "2", "10240": "10240"}, []string{"1", "10241", "-1", "1e3", "99999999999999999999"}},
		{&keyEndpoint, map[string]string{
			"https://telemetry.caro.sh/v1/events": "https://telemetry.caro.sh/v1/events",
			"http://localhost:8080/v1/events":     "http://localhost:8080/v1/events",
			"http://127.0.0.1/v1/events":          "http://127.0.0.1/v1/events",
			"http://[::1]:9/v1/events":            "http://[::1]:9/v1/events"},
			[]string{"http://telemetry.caro.sh/v1/events", "ftp://telemetry.caro.sh/", "telemetry.caro.sh", "https://", "https:///v1",
				"https://me@telemetry.caro.sh/", "https://telemetry.caro.sh/?token=1", "https://telemetry.caro.sh/#x",
				"https://télémétrie.caro.sh/", "http://localhost.example/v1", "https://a b/"}},
	} {
		for spelling, want := range test.good {
			if got, ok := test.key.read(spelling); !ok || got != want {
				t.Errorf("%s = %q is %q, %v; want %q", test.key.name, spelling, got, ok, want)
			}
		}
		for _, spelling := range test.bad {
			if got, ok := test.key.read(spelling); ok {
				t.Errorf("%s = %q is taken as %q", test.key.name, spelling, got)
			}
		}
	}
}

func TestProblemsNeverRepeatAValue(t *testing.T) {
	text := "[telemetry]\nenabled = 'sesame'\nlevel = 'sesame'\nbatch_interval_hours = 'sesame'\n" +
		"offline_spool_max_mb = [1]\nair_gapped = 3\nendpoint = 'sesame'\n"
	var pairs []string
	for _, k := range keys {
		pairs = append(pairs, k.env, "sesame")
	}
	s := Resolve(Input{Getenv: env(pairs...), File: file(t, text)})
	if len(s.Problems) != 12 {
		t.Errorf("%d problems, want one for each of six keys and six variables", len(s.Problems))
	}
	for _, p := range s.Problems {
		if strings.Contains(p.String(), "sesame") || p.Key == "" || p.Allowed == "" {
			t.Errorf("problem %q of %q", p, p.Key)
		}
	}
}

func TestWrongTypesInTheFile(t *testing.T) {
	for text, ok := range map[string]bool{
		"enabled = 1": true, "enabled = 'off'": true, "enabled = 1.0": false, "enabled = 2": false, "enabled = []": false,
		"level = 1": false, "level = true": false, "batch_interval_hours = 24": true, "batch_interval_hours = '24'": false,
		"batch_interval_hours = 24.0": false, "offline_spool_max_mb = 0x10": true, "offline_spool_max_mb = 2026-11-23": false,
		"endpoint = true": false,
	} {
		s := Resolve(Input{Getenv: env(), File: file(t, "[telemetry]\n"+text+"\n")})
		if (len(s.Problems) == 0) != ok {
			t.Errorf("%s: problems %v", text, s.Problems)
		}
	}
}

func TestEveryKeyHasItsDefault(t *testing.T) {
	s := Resolve(Input{Getenv: env()})
	if s.Level != "standard" || s.BatchInterval.Hours() != 24 || s.MaxBytes != 10<<20 || s.AirGapped ||
		s.Endpoint != DefaultEndpoint || s.Log().KeepUnsent != 0 {
		t.Errorf("defaults are %+v", s)
	}
	for _, v := range s.Values() {
		if v.Source != FromDefault {
			t.Errorf("%s comes from %s", v.Key, v.Source)
		}
	}
	if s := Resolve(Input{Getenv: env("CARO_TELEMETRY_AIR_GAPPED", "yes")}); !s.AirGapped || s.Log().KeepUnsent >= 0 {
		t.Error("an air-gapped log has an age limit")
	}
}

func TestPlaces(t *testing.T) {
	for _, test := range []struct {
		goos                 string
		env                  []string
		config, state, cache string
	}{
		{"linux", []string{"HOME", "/home/u"}, "/home/u/.config/caro/config.toml", "/home/u/.local/state/caro/telemetry", "/home/u/.cache/caro"},
		{"linux", []string{"HOME", "/home/u", "XDG_CONFIG_HOME", "/c", "XDG_STATE_HOME", "/s", "XDG_CACHE_HOME", "/k"},
			"/c/caro/config.toml", "/s/caro/telemetry", "/k/caro"},
		{"linux", []string{"HOME", "/home/u", "XDG_CONFIG_HOME", "c", "XDG_STATE_HOME", "./s"},
			"/home/u/.config/caro/config.toml", "/home/u/.local/state/caro/telemetry", "/home/u/.cache/caro"},
		{"linux", []string{EnvDir, "/var/t", "HOME", "/home/u"}, "/home/u/.config/caro/config.toml", "/var/t", "/home/u/.cache/caro"},
		{"linux", nil, "", "", ""},
		{"darwin", []string{"HOME", "/Users/u"}, "/Users/u/Library/Application Support/caro/config.toml",
			"/Users/u/.local/state/caro/telemetry", "/Users/u/Library/Caches/caro"},
		{"windows", []string{"USERPROFILE", "/u", "AppData", "/u/Roaming", "LocalAppData", "/u/Local"},
			"/u/Roaming/caro/config.toml", "/u/Local/caro/telemetry", "/u/Local/caro"},
		{"windows", []string{"USERPROFILE", "/u"}, "/u/.config/caro/config.toml", "/u/.local/state/caro/telemetry", "/u/.cache/caro"},
	} {
		p := Places{Getenv: env(test.env...), GOOS: test.goos}
		got := []string{p.ConfigFile(), p.StateDir(), p.CacheDir()}
		for i, want := range []string{test.config, test.state, test.cache} {
			if filepath.ToSlash(got[i]) != want {
				t.Errorf("%s %v: %q, want %q", test.goos, test.env, got[i], want)
			}
		}
	}
}
