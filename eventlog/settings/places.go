package settings

import (
	"path/filepath"
	"runtime"
)

// EnvDir names the directory of the log.
const EnvDir = "CARO_TELEMETRY_DIR"

// Places knows where things lie: the XDG base directory specification, and
// the platform's own places elsewhere. A relative XDG variable is ignored, as
// the specification asks.
type Places struct {
	Getenv func(string) string
	// GOOS is the platform, "" the one this program was built for.
	GOOS string
}

func (p Places) goos() string {
	if p.GOOS == "" {
		return runtime.GOOS
	}
	return p.GOOS
}

// home is the user's directory, "" when nothing tells. A relative one is not
// believed: it would be another place wherever a program is started.
func (p Places) home() string {
	home := p.Getenv("HOME")
	if home == "" && p.goos() == "windows" {
		home = p.Getenv("USERPROFILE")
	}
	if !filepath.IsAbs(home) {
		return ""
	}
	return home
}

// ConfigFile is the path of config.toml, "" when nothing tells.
func (p Places) ConfigFile() string {
	return below(p.base("XDG_CONFIG_HOME", "AppData", "Library/Application Support", ".config"), "caro", "config.toml")
}

// StateDir is the directory of the log: CARO_TELEMETRY_DIR, or the platform's
// place; "" when nothing tells.
func (p Places) StateDir() string {
	if dir := p.Getenv(EnvDir); dir != "" {
		return dir
	}
	return below(p.base("XDG_STATE_HOME", "LocalAppData", ".local/state", ".local/state"), "caro", "telemetry")
}

// CacheDir is where exports go unless they are given a name, "" when nothing tells.
func (p Places) CacheDir() string {
	return below(p.base("XDG_CACHE_HOME", "LocalAppData", "Library/Caches", ".cache"), "caro")
}

// base is what an XDG variable says, or the place of Windows (a variable),
// macOS or everything else (below the user's directory).
func (p Places) base(xdg, windows, mac, other string) string {
	if dir := p.Getenv(xdg); filepath.IsAbs(dir) {
		return dir
	}
	home := p.home()
	switch {
	case p.goos() == "windows" && p.Getenv(windows) != "":
		return p.Getenv(windows)
	case p.goos() == "darwin":
		return below(home, mac)
	}
	return below(home, other)
}

func below(dir string, names ...string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(append([]string{dir}, names...)...)
}
