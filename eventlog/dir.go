package eventlog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"caro.sh/telemetry/eventlog/vfs"
)

// ErrForeign means that the directory belongs to somebody else, or that others
// may write to it: the log keeps out of it.
var ErrForeign = errors.New("not a directory of this user's own")

// prepareDir makes the directory, or checks the one that is there.
func prepareDir(disk vfs.FS, dir string) error {
	if err := checkParent(disk, dir); err != nil {
		return err
	}
	if err := disk.MkdirAll(dir); err != nil {
		return fmt.Errorf("make the log directory: %w", err)
	}
	return checkDir(disk, dir)
}

// checkParent keeps root from making directories in another user's home (sudo):
// their owner could not write to them later.
func checkParent(disk vfs.FS, dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := disk.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir) {
		return checkParent(disk, filepath.Dir(dir))
	}
	if err == nil && vfs.Foreign(info) {
		return fmt.Errorf("%s: %w (it belongs to another user)", dir, ErrForeign)
	}
	return nil // whatever else is wrong, making the directory says it
}

// checkDir makes sure that the directory is there and this user's own.
func checkDir(disk vfs.FS, dir string) error {
	info, err := disk.Stat(dir)
	if err != nil {
		return fmt.Errorf("look at the log directory: %w", err)
	}
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s: %w", dir, ErrForeign)
	case vfs.Foreign(info):
		return fmt.Errorf("%s: %w (it belongs to another user)", dir, ErrForeign)
	case info.Mode().Perm()&0o002 != 0:
		return fmt.Errorf("%s: %w (everybody may write to it: chmod 700)", dir, ErrForeign)
	}
	return nil
}

// listing is the directory at one moment, sorted by what the files are.
type listing struct {
	plain   map[uint64]string
	lz4     map[uint64]string
	backups []string // rotated, not yet adopted; oldest first
	bytes   int64    // of everything, whatever it is
	sizes   map[string]int64
	times   map[string]time.Time // of the last change of content
}

// list reads the directory. Any error aborts: what is not listed would look
// removed.
func list(disk vfs.FS, dir string) (*listing, error) {
	entries, err := disk.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list the log directory: %w", err)
	}
	ls := &listing{plain: map[uint64]string{}, lz4: map[uint64]string{}, sizes: map[string]int64{}, times: map[string]time.Time{}}
	for _, e := range entries {
		if err := ls.add(disk, dir, e); err != nil {
			return nil, fmt.Errorf("list the log directory: %w", err)
		}
	}
	slices.Sort(ls.backups)
	return ls, nil
}

func (ls *listing) add(disk vfs.FS, dir string, e fs.DirEntry) error {
	name := e.Name()
	if e.IsDir() {
		n, err := sizeBelow(disk, filepath.Join(dir, name))
		ls.bytes += n
		return err
	}
	info, err := disk.Lstat(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // gone since: a tool's temporary file
	}
	if err != nil {
		return err
	}
	ls.bytes += info.Size()
	ls.sizes[name] = info.Size()
	ls.times[name] = info.ModTime()
	if !info.Mode().IsRegular() {
		return nil
	}
	number, state, ok := parseSegment(name)
	switch {
	case ok && state == Compacted:
		ls.lz4[number] = name
	case ok:
		ls.plain[number] = name
	default:
		if _, ok := parseBackup(name); ok {
			ls.backups = append(ls.backups, name)
		}
	}
	return nil
}

// sizeBelow adds up the files of a subdirectory (sent, refused).
func sizeBelow(disk vfs.FS, dir string) (int64, error) {
	entries, err := disk.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var total int64
	for _, e := range entries {
		info, err := disk.Lstat(filepath.Join(dir, e.Name()))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return 0, err
		case info.Mode().IsRegular():
			total += info.Size()
		}
	}
	return total, nil
}

// numbers lists the sealed segments, oldest first, each once.
func (ls *listing) numbers() []uint64 {
	var all []uint64
	for n := range ls.plain {
		all = append(all, n)
	}
	for n := range ls.lz4 {
		if _, both := ls.plain[n]; !both {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all
}

// newest is the highest number in use, 0 for none.
func (ls *listing) newest() uint64 {
	numbers := ls.numbers()
	if len(numbers) == 0 {
		return 0
	}
	return numbers[len(numbers)-1]
}

// name returns the file to read a segment from: the plain one wins, because a
// compacted copy beside it may be unfinished business.
func (ls *listing) name(number uint64) (string, State) {
	if name, ok := ls.plain[number]; ok {
		return name, Sealed
	}
	return ls.lz4[number], Compacted
}

// drop forgets a file that was unlinked.
func (ls *listing) drop(name string) {
	ls.bytes -= ls.sizes[name]
	delete(ls.sizes, name)
	number, state, ok := parseSegment(name)
	if ok && state == Compacted {
		delete(ls.lz4, number)
	} else if ok {
		delete(ls.plain, number)
	}
	ls.backups = slices.DeleteFunc(ls.backups, func(s string) bool { return s == name })
}

// adopt notes that a file of the listing, the active one or a backup, became a
// sealed segment.
func (ls *listing) adopt(was, name string, number uint64, size int64) {
	ls.backups = slices.DeleteFunc(ls.backups, func(s string) bool { return s == was })
	ls.bytes += size - ls.sizes[was]
	ls.times[name] = ls.times[was]
	delete(ls.sizes, was)
	ls.sizes[name] = size
	ls.plain[number] = name
}
