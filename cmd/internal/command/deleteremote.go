package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"caro.sh/telemetry/eventlog"
	"caro.sh/telemetry/eventlog/session"
	"caro.sh/telemetry/eventlog/settings"
	"caro.sh/telemetry/schema"
	"caro.sh/telemetry/tools/upload"
)

// deleteFlags are the flags of delete-remote.
type deleteFlags struct {
	yes, keepLocal bool
	file           string
	toFile         bool // file was given; "" is standard output then
}

// deleteAnswer is its answer.
type deleteAnswer struct {
	RequestID string   `json:"request_id"`
	DayIDs    []string `json:"day_ids"`
	State     string   `json:"state"` // delivered, queued, file or nothing
	Receipt   string   `json:"receipt"`
	Path      string   `json:"path,omitempty"`
	Cleared   int64    `json:"cleared_events"`
	Foreign   int64    `json:"foreign_events"`
	Dir       string   `json:"dir"`
}

func (c *cli) addDeleteRemote(group *kingpin.CmdClause) {
	var f deleteFlags
	cmd := c.command(group, "delete-remote", "Ask the server to delete what this install has sent under its own ids.",
		func() error { return c.deleteRemote(f) })
	c.addJSON(cmd)
	c.addDir(cmd)
	addYes(cmd, &f.yes)
	cmd.Flag("keep-local", "Keep what is recorded here. It is never uploaded.").BoolVar(&f.keepLocal)
	cmd.Flag("output", "Write the request to this file, or to standard output for a dash, for somebody to carry it.").
		Short('o').PlaceHolder("FILE").IsSetByUser(&f.toFile).StringVar(&f.file)
}

func (c *cli) deleteRemote(f deleteFlags) error {
	s, err := c.soundSettings()
	if err != nil {
		return err
	}
	dir, err := c.logDir()
	if err != nil {
		return err
	}
	ids, err := session.DayIDs(dir, c.Now())
	if err != nil {
		return &exitError{exitIO, "cannot tell what this install has sent: " + err.Error(), "look at " + filepath.Join(dir, session.KeyName)}
	}
	a := deleteAnswer{DayIDs: []string{}, State: "nothing", Dir: dir}
	if a.Foreign, err = c.foreign(dir, ids); err != nil {
		return err
	}
	if len(ids) == 0 {
		return c.nothingToDelete(a, s, f)
	}
	fmt.Fprintf(c.Stderr, "These ids name what this install has sent, one for each day since its key was made, the last 91 at most:\n  %s\n", strings.Join(ids, " "))
	if err := c.confirm(f.yes, "Ask for its deletion, and remove what is recorded here?"); err != nil {
		return err
	}
	o, err := c.uploadOptions(s, uploadFlags{})
	if err != nil {
		return err
	}
	o.DeletionsOnly = true
	want := upload.RequestOptions{DayIDs: ids, KeepLocal: f.keepLocal}
	if f.toFile || s.AirGapped {
		want.Carry = func(id string, body []byte) (string, error) { return c.writeRequest(f, id, body) }
	}
	d, cleared, err := upload.Request(dir, o, want)
	if err != nil {
		var e *exitError
		if errors.As(err, &e) {
			return e
		}
		return logError(err, dir, false)
	}
	a.RequestID, a.DayIDs, a.Cleared, a.Path = d.RequestID, d.DayIDs, cleared.Events, d.File
	return c.deliverDeletion(a, o, f)
}

// foreign counts the events among the kept copies of sent ones that no request of
// this install names, because a host made their session ids in a way of its own,
// and says how many there are.
func (c *cli) foreign(dir string, own []string) (n int64, err error) {
	snapshot, err := eventlog.OpenSnapshot(dir, &eventlog.ReadOptions{Sent: true})
	if err != nil {
		return 0, logError(err, dir, false)
	}
	defer snapshot.Close()
	asked, err := snapshot.Deletions()
	if err != nil {
		return 0, logError(err, dir, false)
	}
	for _, d := range asked {
		own = append(own[:len(own):len(own)], d.DayIDs...)
	}
	for e, err := range snapshot.Lines() {
		if err != nil || filepath.Dir(e.Name) == "." {
			continue // not readable, or not sent
		}
		if v, err := schema.ParseView(e.Raw); err == nil && !slices.Contains(own, v.SessionID()[:8]) {
			n++
		}
	}
	if n > 0 {
		fmt.Fprintf(c.Stderr, "%s sent in the last 7 days cannot be named: the session ids are not of this install's making; the server has them until its retention ends\n",
			plural(n, "event"))
	}
	return n, nil
}

// nothingToDelete is for an install without an id: one that never had any, or
// one that has asked already and recorded nothing since.
func (c *cli) nothingToDelete(a deleteAnswer, s settings.Settings, f deleteFlags) error {
	snapshot, err := eventlog.OpenSnapshot(a.Dir, nil)
	if err != nil {
		return logError(err, a.Dir, false)
	}
	all, err := snapshot.Deletions()
	if err := errors.Join(err, snapshot.Close()); err != nil {
		return logError(err, a.Dir, false)
	}
	for _, d := range all {
		if !d.Queued() || s.AirGapped || f.toFile {
			continue
		}
		o, err := c.uploadOptions(s, uploadFlags{})
		if err != nil {
			return err
		}
		o.DeletionsOnly = true
		a.RequestID, a.DayIDs = d.RequestID, d.DayIDs
		return c.deliverDeletion(a, o, f)
	}
	out := c.answer()
	if c.json {
		out.json(a)
	} else {
		out.line("nothing to delete: this install has sent nothing under an id of its own, or has asked already")
	}
	return out.end(nil)
}

// deliverDeletion sends what is queued, unless it is carried, and says what came
// of it. That it stays queued is no failure: the uploader goes on.
func (c *cli) deliverDeletion(a deleteAnswer, o upload.Options, f deleteFlags) error {
	a.State = "file"
	var failed error
	if a.Path == "" {
		a.State = "queued"
		_, failed = upload.Run(context.Background(), a.Dir, o)
		if d, ok := c.deletion(a); ok && !d.DeliveredAt.IsZero() {
			a.State, a.Receipt = "delivered", d.Receipt
		}
	}
	if a.Path == "-" { // standard output holds the request
		return nil
	}
	out := c.answer()
	if c.json {
		out.json(a)
	} else {
		a.print(out, f)
	}
	if failed != nil {
		fmt.Fprintf(c.Stderr, "caro: %v\n", failed)
	}
	var refused *upload.RefusedError
	if errors.As(failed, &refused) {
		return out.end(errSaid(exitRefused))
	}
	return out.end(nil)
}

// deletion is what is written down of the request.
func (c *cli) deletion(a deleteAnswer) (eventlog.Deletion, bool) {
	snapshot, err := eventlog.OpenSnapshot(a.Dir, nil)
	if err != nil {
		return eventlog.Deletion{}, false
	}
	all, _ := snapshot.Deletions() // unreadable now, and readable a moment ago: then it is queued
	_ = snapshot.Close()           // nothing was written
	for _, d := range all {
		if d.RequestID == a.RequestID {
			return d, true
		}
	}
	return eventlog.Deletion{}, false
}

func (a deleteAnswer) print(out *answer, f deleteFlags) {
	switch a.State {
	case "delivered":
		out.line("asked for deletion, and the server has confirmed it: receipt ", a.Receipt)
	case "queued":
		out.line("asked for deletion: request ", a.RequestID, " is queued, and caro-telemetry-upload sends it, also when telemetry is off")
	case "file":
		out.line("wrote the request to ", a.Path)
		out.line("hint: carry it to the receiver, where caro-telemetry-ingest import takes it in")
	}
	if f.keepLocal {
		out.line("what was recorded so far is kept, and never uploaded")
	} else {
		out.line("removed ", plural(a.Cleared, "pending event"), " and the kept copies of sent ones")
	}
}

// writeRequest writes the request for somebody to carry it, and returns where.
func (c *cli) writeRequest(f deleteFlags, id string, body []byte) (string, error) {
	if f.toFile && isStdin(f.file) {
		_, err := c.Stdout.Write(append(body, '\n'))
		return "-", err
	}
	path := f.file
	if path == "" {
		cache := c.places().CacheDir()
		if cache == "" {
			return "", &exitError{exitCannotCreate, "cannot tell where to write the request: HOME is unset or no absolute path", "name a file with -o"}
		}
		path = filepath.Join(cache, "telemetry-deletion-"+c.Now().UTC().Format("2006-01-02")+"-"+id[:8]+".json")
	}
	if err := createFile(path, append(body, '\n')); err != nil {
		hint := "name another file with -o"
		if errors.Is(err, fs.ErrExist) {
			hint = "it is there already; " + hint
		}
		return "", &exitError{exitCannotCreate, "cannot write the request: " + err.Error(), hint}
	}
	return path, nil
}

// createFile makes a new file that survives a power cut.
func createFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
