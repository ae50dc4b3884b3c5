package settings

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func TestEditKeepsEverythingElse(t *testing.T) {
	for _, test := range []struct{ name, before, set, unset string }{
		{"empty", "", "[telemetry]\nenabled = false\n", ""},
		{"other tables", "[ui]\na = 1\n", "[ui]\na = 1\n\n[telemetry]\nenabled = false\n", "[ui]\na = 1\n"},
		{"no last newline", "a = 1", "a = 1\n\n[telemetry]\nenabled = false\n", "a = 1"},
		{"an empty table", "[telemetry]", "[telemetry]\nenabled = false\n", "[telemetry]"},
		{"a table with a comment", "[telemetry] # mine\n# and mine\n", "[telemetry] # mine\nenabled = false\n# and mine\n", "[telemetry] # mine\n# and mine\n"},
		{"a value", "[telemetry]\nenabled  =  true  # yes\nlevel = 'minimal'\n",
			"[telemetry]\nenabled  =  false  # yes\nlevel = 'minimal'\n", "[telemetry]\nlevel = 'minimal'\n"},
		{"a value of another type", "[telemetry]\nenabled = \"\"\"\nyes\"\"\"\n", "[telemetry]\nenabled = false\n", "[telemetry]\n"},
		{"a quoted table and key", "[ \"telemetry\" ]\n'enabled' = 1\n", "[ \"telemetry\" ]\n'enabled' = false\n", "[ \"telemetry\" ]\n"},
		{"dotted keys", "telemetry.level = 'minimal'\nx = 1\n", "telemetry.level = 'minimal'\ntelemetry.enabled = false\nx = 1\n", "telemetry.level = 'minimal'\nx = 1\n"},
		{"a dotted value", "telemetry . enabled = true\n[z]\n", "telemetry . enabled = false\n[z]\n", "[z]\n"},
		{"an inline table", "telemetry = { level = 'minimal' } # c\n", "telemetry = { enabled = false, level = 'minimal' } # c\n", "telemetry = { level = 'minimal' } # c\n"},
		{"an inline value first", "telemetry = { enabled = true, level = 'minimal' }\n", "telemetry = { enabled = false, level = 'minimal' }\n", "telemetry = { level = 'minimal' }\n"},
		{"an inline value last", "telemetry = { level = 'minimal' , enabled = true }\n", "telemetry = { level = 'minimal' , enabled = false }\n", "telemetry = { level = 'minimal' }\n"},
		{"an inline value alone", "telemetry = {enabled=true}\n", "telemetry = {enabled=false}\n", "telemetry = {}\n"},
		{"an empty inline table", "telemetry = {}\n", "telemetry = { enabled = false }\n", "telemetry = {}\n"},
		{"a table below", "[telemetry.more]\nenabled = true\n", "[telemetry.more]\nenabled = true\n\n[telemetry]\nenabled = false\n", "[telemetry.more]\nenabled = true\n"},
		{"Windows line ends", "[telemetry]\r\nlevel = 'minimal'\r\n\r\n[ui]\r\n", "[telemetry]\r\nlevel = 'minimal'\r\nenabled = false\r\n\r\n[ui]\r\n", "[telemetry]\r\nlevel = 'minimal'\r\n\r\n[ui]\r\n"},
		{"a byte order mark", "\ufeff[telemetry]\nenabled = true\n", "\ufeff[telemetry]\nenabled = false\n", "\ufeff[telemetry]\n"},
		{"text that looks like it", "a = '''\n[telemetry]\nenabled = true\n'''\n# [telemetry]\n", "a = '''\n[telemetry]\nenabled = true\n'''\n# [telemetry]\n\n[telemetry]\nenabled = false\n", "a = '''\n[telemetry]\nenabled = true\n'''\n# [telemetry]\n"},
		{"another enabled", "enabled = true\n[ui]\nenabled = true\n[telemetry]\nenabled = true\n[z]\nenabled = true\n",
			"enabled = true\n[ui]\nenabled = true\n[telemetry]\nenabled = false\n[z]\nenabled = true\n",
			"enabled = true\n[ui]\nenabled = true\n[telemetry]\n[z]\nenabled = true\n"},
		{"strange values elsewhere", "x = nan\ny = [1979-05-27T07:32:00-08:00, {a = 1}]\n", "x = nan\ny = [1979-05-27T07:32:00-08:00, {a = 1}]\n\n[telemetry]\nenabled = false\n", "x = nan\ny = [1979-05-27T07:32:00-08:00, {a = 1}]\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := file(t, test.before).Path
			if err := Set(path, KeyEnabled, "OFF"); err != nil {
				t.Fatal(err)
			}
			if got, _ := os.ReadFile(path); string(got) != test.set {
				t.Errorf("set makes\n%q of\n%q, want\n%q", got, test.before, test.set)
			}
			path = file(t, test.before).Path
			if err := Unset(path, KeyEnabled); err != nil {
				t.Fatal(err)
			}
			if got, _ := os.ReadFile(path); string(got) != test.unset {
				t.Errorf("unset makes\n%q of\n%q, want\n%q", got, test.before, test.unset)
			}
		})
	}
}

func TestBrokenFilesAreLeftAlone(t *testing.T) {
	for _, text := range []string{
		"[telemetry", "telemetry = 1", "[[telemetry]]\nenabled = true", "[telemetry]\nlevel = 'loud'\n",
		"[telemetry]\nenabled = true\nenabled = true\n", strings.Repeat("#", maxFileBytes+1),
	} {
		path := file(t, text).Path
		if err := Set(path, KeyEnabled, "false"); !errors.Is(err, ErrBroken) {
			t.Errorf("%.30q: %v", text, err)
		}
		if err := Unset(path, KeyEnabled); !errors.Is(err, ErrBroken) {
			t.Errorf("%.30q: %v", text, err)
		}
		if got, _ := os.ReadFile(path); string(got) != text {
			t.Errorf("%.30q became %.30q", text, got)
		}
		entries, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(entries) != 1 {
			t.Errorf("%d files are left, %v", len(entries), err)
		}
	}
}

func TestEditsAtTheSameTimeAreAllKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "caro", "config.toml")
	values := map[string]string{
		KeyEnabled: "true", KeyCap: "20", keyLevel.full(): "minimal", keyInterval.full(): "7", keyAirGapped.full(): "true",
	}
	var wait sync.WaitGroup
	for name, value := range values {
		wait.Go(func() {
			if err := Set(path, name, value); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	s := Resolve(Input{Getenv: env(), File: Read(path)})
	for name, want := range values {
		if v, _ := s.Get(name); v.Text != want || v.Source != FromFile {
			t.Errorf("%s is %q from the %s", name, v.Text, v.Source)
		}
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("%d files beside the settings", len(entries)-1)
	}
}

func TestSettingsBelongToTheirOwner(t *testing.T) {
	if runtime.GOOS == "windows" || os.Geteuid() != 0 {
		t.Skip("needs to be root to stand in for sudo")
	}
	home := t.TempDir()
	if err := os.Chown(home, 12345, 12345); err != nil {
		t.Skip(err)
	}
	path := filepath.Join(home, ".config", "caro", "config.toml")
	if err := Set(path, KeyEnabled, "true"); err == nil || !strings.Contains(err.Error(), "another user") {
		t.Errorf("root wrote into another user's home: %v", err)
	}
	if CanSave(path) == nil {
		t.Error("CanSave says root may")
	}
	if entries, _ := os.ReadDir(home); len(entries) != 0 {
		t.Errorf("%v was made", entries[0].Name())
	}
}

// FuzzEdit looks for a text where setting a key changes something else, or
// makes of a good file a bad one.
func FuzzEdit(f *testing.F) {
	for _, s := range []string{"", "[telemetry]\nenabled=true", "telemetry={a=1}", "telemetry.a.b=1\n[x]", "a=[\n1,\n]\n[telemetry]#"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d := Document{Path: "config.toml", text: []byte(text)}
		d.parse()
		if d.Problem != nil {
			t.Skip()
		}
		for _, literal := range []string{"true", ""} {
			edited, err := d.with(&keyEnabled, literal)
			if err != nil {
				continue // refused, and said so
			}
			after := Document{Path: "config.toml", text: edited}
			after.parse()
			if after.Problem != nil || after.says("true") != (literal != "") && literal != "" {
				t.Fatalf("%q became %q", text, edited)
			}
			if fmt.Sprintf("%#v", after.values[keyLevel.name]) != fmt.Sprintf("%#v", d.values[keyLevel.name]) {
				t.Fatalf("%q became %q", text, edited)
			}
		}
	})
}
