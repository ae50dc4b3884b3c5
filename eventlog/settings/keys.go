package settings

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"caro.sh/telemetry/schema"
)

// Environment variables that speak about telemetry.
const (
	EnvEnabled = "CARO_TELEMETRY_ENABLED"
	EnvCap     = "CARO_TELEMETRY_OFFLINE_SPOOL_MAX_MB"
	EnvNoTrack = "DO_NOT_TRACK"
)

// DefaultEndpoint is where events are uploaded to unless a setting says otherwise.
const DefaultEndpoint = "https://telemetry.caro.sh/v1/events"

// table is the name of the table in config.toml.
const table = "telemetry"

// key is one setting. Values travel as text in the one spelling that read
// returns.
type key struct {
	name, env string
	standard  string // the default; "" for unset
	what      string // what is wrong with a value that cannot be read
	allowed   string // what it may say
	quoted    bool   // written as a string in TOML
	read      func(text string) (canonical string, ok bool)
}

var (
	keyEnabled = key{name: "enabled", env: EnvEnabled,
		what: "is not a yes or no", allowed: bools, read: readBool}
	keyLevel = key{name: "level", env: "CARO_TELEMETRY_LEVEL", standard: string(schema.Standard),
		what: "is not a level", allowed: "minimal, standard or detailed", quoted: true, read: readLevel}
	keyInterval = key{name: "batch_interval_hours", env: "CARO_TELEMETRY_BATCH_INTERVAL_HOURS", standard: "24",
		what: "is not a number of hours", allowed: "a whole number from 1 to 8760", read: readNumber(1, 8760)}
	keyCap = key{name: "offline_spool_max_mb", env: EnvCap, standard: "10",
		what: "is not a size the log can have", allowed: "a whole number of MB from 2 to 10240", read: readNumber(2, 10240)}
	keyAirGapped = key{name: "air_gapped", env: "CARO_TELEMETRY_AIR_GAPPED", standard: "false",
		what: "is not a yes or no", allowed: bools, read: readBool}
	keyEndpoint = key{name: "endpoint", env: "CARO_TELEMETRY_ENDPOINT", standard: DefaultEndpoint,
		what: "is not an address to upload to", allowed: "an https URL, or an http URL of this machine, without user, query or fragment",
		quoted: true, read: readEndpoint}

	keys = []*key{&keyEnabled, &keyLevel, &keyInterval, &keyCap, &keyAirGapped, &keyEndpoint}
)

const bools = "true, false, 1, 0, yes, no, on or off"

// Full names of settings that others ask for.
const (
	KeyEnabled = table + ".enabled"
	KeyCap     = table + ".offline_spool_max_mb"
)

// Keys lists the full names of all settings, in the order of the contract.
func Keys() []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.full()
	}
	return names
}

func findKey(full string) (*key, error) {
	for _, k := range keys {
		if k.full() == full {
			return k, nil
		}
	}
	return nil, UnknownKey()
}

// UnknownKey is the error for a setting that does not exist. It names those
// that do.
func UnknownKey() error {
	return fmt.Errorf("%w; the settings are %s", ErrUnknownKey, strings.Join(Keys(), ", "))
}

func (k *key) full() string { return table + "." + k.name }

func (k *key) problem(where string) Problem {
	return Problem{Where: where, What: k.what, Allowed: k.allowed, Key: k.full()}
}

// fromTOML reads a value of the file: a string, a whole number or a boolean,
// whichever the setting is written as; a boolean may be any of its spellings.
func (k *key) fromTOML(v any) (string, bool) {
	switch v := v.(type) {
	case bool:
		return k.read(strconv.FormatBool(v))
	case int64:
		if k.quoted {
			return "", false
		}
		return k.read(strconv.FormatInt(v, 10))
	case string:
		if !k.quoted && k.allowed != bools {
			return "", false
		}
		return k.read(v)
	}
	return "", false
}

// literal is a canonical value as TOML.
func (k *key) literal(canonical string) string {
	if k.quoted {
		return strconv.Quote(canonical) // ASCII, so that Go's escapes are TOML's
	}
	return canonical
}

func readBool(text string) (string, bool) {
	switch strings.ToLower(text) {
	case "true", "1", "yes", "on":
		return "true", true
	case "false", "0", "no", "off":
		return "false", true
	}
	return "", false
}

func readLevel(text string) (string, bool) {
	level, err := schema.ParseLevel(text)
	return string(level), err == nil
}

func readNumber(least, most int64) func(string) (string, bool) {
	return func(text string) (string, bool) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < least || n > most {
			return "", false
		}
		return strconv.FormatInt(n, 10), true
	}
}

// readEndpoint lets an encrypted address pass, or one that stays on this
// machine. A user, query or fragment could hold a secret and is shown by
// status.
func readEndpoint(text string) (string, bool) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", false
	}
	for _, r := range text {
		if r <= ' ' || r > '~' {
			return "", false
		}
	}
	secure := u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname())
	return text, secure && u.Hostname() != ""
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

func tracksNot(text string) bool {
	return text != "" && text != "0" && !strings.EqualFold(text, "false")
}

// atoi reads what readNumber wrote.
func atoi(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}
