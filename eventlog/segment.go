package eventlog

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The names of the directory. docs/format.md describes them for readers in
// other languages.
const (
	ActiveName  = "events.ndjson"
	lockName    = ".lock"
	maintName   = ".maint.lock"
	metaName    = "meta.json"
	badMetaName = "meta.json.bad"
	uploadName  = "upload.json"
	badUpload   = "upload.json.bad"
	ledgerName  = "uploads.ndjson"
	requestName = "deletions.json"
	sentDir     = "sent"
	refusedDir  = "refused"
	tmpPrefix   = ".tmp-"
	tmpRestore  = tmpPrefix + "restore"
	tmpRefused  = tmpPrefix + "refused"
	tmpSwap     = tmpPrefix + "swap-" // and the number of the segment

	segmentPrefix = "events-"
	plainSuffix   = ".ndjson"
	lz4Suffix     = ".ndjson.lz4"
	timeLayout    = "2006-01-02T15-04-05.000" // lumberjack's, in UTC
	numberDigits  = 10
)

// State says what has become of a segment.
type State string

const (
	Active    State = "active"    // events.ndjson, still growing
	Sealed    State = "sealed"    // immutable NDJSON
	Compacted State = "compacted" // the same in one LZ4 frame
)

// Segment is one file of the log.
type Segment struct {
	// Number orders segments and names them for good; the active segment has
	// the number it will be sealed under.
	Number uint64 `json:"number"`
	State  State  `json:"state"`
	// Name is the file's name in the directory.
	Name string `json:"name"`
	// Bytes is the file's size on disk, for the active segment the size when
	// the snapshot was taken.
	Bytes int64 `json:"bytes"`
	// Events counts lines that hold something, -1 where nobody has counted yet.
	Events int64 `json:"events"`
	// First and Last are the timestamps of the first and last event, zero
	// where unknown.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
}

// segmentName is the name a sealed segment gets: the number is its identity,
// the time is for people.
func segmentName(number uint64, stamp string) string {
	return fmt.Sprintf("%s%0*d-%s%s", segmentPrefix, numberDigits, number, stamp, plainSuffix)
}

// parseSegment recognises a sealed or compacted segment by its name.
func parseSegment(name string) (number uint64, state State, ok bool) {
	rest, ok := strings.CutPrefix(name, segmentPrefix)
	if !ok || len(rest) < numberDigits+1 || rest[numberDigits] != '-' {
		return 0, "", false
	}
	number, err := strconv.ParseUint(rest[:numberDigits], 10, 64)
	if err != nil || number == 0 {
		return 0, "", false
	}
	stamp := rest[numberDigits+1:]
	switch {
	case isStamp(strings.TrimSuffix(stamp, lz4Suffix)) && strings.HasSuffix(stamp, lz4Suffix):
		return number, Compacted, true
	case isStamp(strings.TrimSuffix(stamp, plainSuffix)) && strings.HasSuffix(stamp, plainSuffix):
		return number, Sealed, true
	}
	return 0, "", false
}

// parseBackup recognises a file that was rotated and not yet adopted, and
// returns the time in its name.
func parseBackup(name string) (stamp string, ok bool) {
	rest, ok := strings.CutPrefix(name, segmentPrefix)
	if !ok {
		return "", false
	}
	stamp, ok = strings.CutSuffix(rest, plainSuffix)
	return stamp, ok && isStamp(stamp)
}

// stampOf is the time in the name of a segment, sealed or compacted.
func stampOf(name string) (time.Time, bool) {
	if _, _, ok := parseSegment(name); !ok {
		return time.Time{}, false
	}
	stamp, _, _ := strings.Cut(name[len(segmentPrefix)+numberDigits+1:], plainSuffix)
	at, err := time.Parse(timeLayout, stamp)
	return at, err == nil
}

func isStamp(s string) bool {
	_, err := time.Parse(timeLayout, s)
	return err == nil && len(s) == len(timeLayout)
}
