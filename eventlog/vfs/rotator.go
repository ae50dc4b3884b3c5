package vfs

import (
	"path/filepath"
	"sync"

	lumberjack "gopkg.in/natefinch/lumberjack.v2"
)

// rotators lends out lumberjack loggers, one per file, guard and process: each one
// that ever wrote keeps a goroutine for the life of the process, so making them
// freely would leak.
var rotators = rotatorSet{loggers: map[rotatorKey]*lumberjack.Logger{}}

type rotatorSet struct {
	mu      sync.Mutex
	loggers map[rotatorKey]*lumberjack.Logger
}

type rotatorKey struct {
	name   string
	maxMiB int
}

// get returns the logger for a file. Its own retention, compression and size
// limit stay out of the way: MaxBackups and MaxAge would remove events nobody
// has counted, Compress runs in a goroutine a short process does not wait for,
// and MaxSize is only a guard far above the size the log seals at.
func (s *rotatorSet) get(name string, maxMiB int) Rotator {
	if abs, err := filepath.Abs(name); err == nil {
		name = abs
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := rotatorKey{name, maxMiB}
	l := s.loggers[key]
	if l == nil {
		l = &lumberjack.Logger{Filename: name, MaxSize: maxMiB}
		s.loggers[key] = l
	}
	return l
}
