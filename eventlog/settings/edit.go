package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pelletier/go-toml/v2"

	"caro.sh/telemetry/eventlog/vfs"
)

var (
	// ErrUnknownKey means that no setting has this name.
	ErrUnknownKey = errors.New("not a setting")
	// ErrBadValue means that a setting cannot have this value.
	ErrBadValue = errors.New("bad value")
	// ErrBroken means that the file holds something that cannot be read. It is
	// never written over.
	ErrBroken = errors.New("the settings are broken")

	errNowhere = errors.New("cannot tell where the settings are: HOME is unset or no absolute path")
)

// lockTimeout is how long an edit waits for another one.
const lockTimeout = 5 * time.Second

// Set writes one setting, such as telemetry.level, into the file at path and
// leaves everything else in it as it is, comments and order included. A file
// that is not there is made. The new version is written aside and renamed.
func Set(path, name, text string) error {
	k, canonical, err := read(name, text)
	if err != nil {
		return err
	}
	return change(path, k, k.literal(canonical))
}

// Canonical is how a value of a setting is written: true for yes.
func Canonical(name, text string) (string, error) {
	_, canonical, err := read(name, text)
	return canonical, err
}

func read(name, text string) (k *key, canonical string, err error) {
	if k, err = findKey(name); err != nil {
		return nil, "", err
	}
	canonical, ok := k.read(text)
	if !ok {
		return nil, "", fmt.Errorf("%w: %s", ErrBadValue, k.problem(name))
	}
	return k, canonical, nil
}

// Unset removes one setting from the file at path, so that its default holds.
func Unset(path, name string) error {
	k, err := findKey(name)
	if err != nil {
		return err
	}
	if !exists(path) {
		return nil
	}
	return change(path, k, "")
}

// change puts a new version of the file in its place; literal "" removes the
// key. Two edits at the same time wait for each other.
func change(path string, k *key, literal string) error {
	if path == "" {
		return errNowhere
	}
	dir := filepath.Dir(Read(path).target)
	if _, err := nearestDir(dir); err != nil {
		return fmt.Errorf("change %s: %w", path, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("change %s: %w", path, err)
	}
	lock := filepath.Join(dir, ".config.toml.lock")
	held, err := vfs.Disk.Lock(lock, vfs.LockOptions{Timeout: lockTimeout})
	if err != nil {
		return fmt.Errorf("change %s: %w", path, err)
	}
	defer func() {
		_ = os.Remove(lock) // whoever waits for it sees that it is gone and makes a new one
		_ = held.Close()
	}()
	d := Read(path)
	if err := d.mayChange(k); err != nil {
		return err
	}
	text, err := d.with(k, literal)
	if err != nil || bytes.Equal(text, d.text) {
		return err
	}
	if err := replace(d.target, text); err != nil {
		return fmt.Errorf("change %s: %w", path, err)
	}
	return nil
}

// CanSave says why the file at path could not be changed, nil when it could. It
// changes nothing.
func CanSave(path string) error {
	if path == "" {
		return errNowhere
	}
	_, err := nearestDir(filepath.Dir(Read(path).target))
	return err
}

// nearestDir returns dir, or the nearest directory above it that exists, and
// whether something may be written there. Root keeps out of another user's
// (sudo): what it wrote there the user could not read again.
func nearestDir(dir string) (string, error) {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir) {
		return nearestDir(filepath.Dir(dir))
	}
	if err != nil {
		return dir, err
	}
	if os.Geteuid() == 0 && vfs.Foreign(info) {
		return dir, fmt.Errorf("%s belongs to another user: do this as that user, without sudo", dir)
	}
	return dir, vfs.Writable(dir)
}

// mayChange refuses to touch a file that is broken elsewhere. What is wrong
// with the key itself is mended by the change.
func (d Document) mayChange(k *key) error {
	if d.Problem != nil {
		return fmt.Errorf("%w: %s", ErrBroken, d.Problem)
	}
	nobody := func(string) string { return "" }
	for _, p := range Resolve(Input{Getenv: nobody, File: d}).Problems {
		if p.Key != k.full() {
			return fmt.Errorf("%w: %s", ErrBroken, p)
		}
	}
	return nil
}

// with returns the text with one key set, or removed when literal is "". It
// checks that nothing else changed its meaning.
func (d Document) with(k *key, literal string) ([]byte, error) {
	text := bytes.TrimPrefix(d.text, byteOrderMark)
	s, err := survey(text, k.name)
	if err != nil {
		return nil, fmt.Errorf("%w: %s is not TOML", ErrBroken, d.Path)
	}
	edited := s.set(text, k.name, literal)
	if literal == "" {
		edited = s.unset(text)
	}
	if !sameBut(text, edited, k.name, literal) {
		return nil, fmt.Errorf("cannot change %s without changing more of %s: edit it by hand", k.full(), d.Path)
	}
	if bytes.HasPrefix(d.text, byteOrderMark) {
		edited = append(bytes.Clone(byteOrderMark), edited...)
	}
	return edited, nil
}

// sameBut reports whether both texts mean the same but for one key, which the
// second has as literal or not at all.
func sameBut(before, after []byte, name, literal string) bool {
	var was, is map[string]any
	if toml.Unmarshal(before, &was) != nil || toml.Unmarshal(after, &is) != nil {
		return false
	}
	var want map[string]any
	if literal != "" && toml.Unmarshal([]byte("v = "+literal), &want) != nil {
		return false
	}
	got := takeOut(is, name)
	takeOut(was, name)
	return fmt.Sprintf("%#v", was) == fmt.Sprintf("%#v", is) && fmt.Sprintf("%#v", want["v"]) == fmt.Sprintf("%#v", got)
}

// takeOut removes a key of [telemetry], and the table when nothing else is in it.
func takeOut(all map[string]any, name string) any {
	values, _ := all[table].(map[string]any)
	v := values[name]
	delete(values, name)
	if len(values) == 0 {
		delete(all, table)
	}
	return v
}

// replace writes aside, syncs, renames and syncs the directory.
func replace(path string, text []byte) error {
	dir := filepath.Dir(path)
	aside := filepath.Join(dir, ".config.toml.new") // the lock keeps others away from it
	if err := os.Remove(aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := vfs.Disk.Create(aside) // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(aside, path)
	}
	if err != nil {
		_ = os.Remove(aside) // the old version stays
		return err
	}
	return vfs.Disk.SyncDir(dir)
}
