package command

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"caro.sh/telemetry/tools/simulate"
)

// workerValue is the share of a simulation one of several processes makes up,
// written NUMBER/OF/KEY. All share the key, so that no two make the same id.
type workerValue struct {
	number, of int
	key        simulate.Key
}

func (v *workerValue) Set(s string) error {
	number, rest, _ := strings.Cut(s, "/")
	of, key, _ := strings.Cut(rest, "/")
	var err1, err2 error
	v.number, err1 = strconv.Atoi(number)
	v.of, err2 = strconv.Atoi(of)
	n, err3 := hex.Decode(v.key[:], []byte(key[:min(len(key), 2*len(v.key))]))
	if err := errors.Join(err1, err2, err3); err != nil || n != len(v.key) || v.number < 0 || v.number >= v.of {
		return errors.New("--worker is NUMBER/OF/KEY")
	}
	return nil
}

func (v *workerValue) String() string {
	return fmt.Sprintf("%d/%d/%s", v.number, v.of, hex.EncodeToString(v.key[:]))
}

// simulateMany has f.processes copies of this program record at the same time.
func (c *cli) simulateMany(f simulateFlags, p permission) (events, bytes int64, err error) {
	program, err := os.Executable()
	if err != nil {
		return 0, 0, fmt.Errorf("find this program: %w", err)
	}
	running := make([]*process, 0, f.processes)
	for i := range f.processes {
		share := workerValue{number: i, of: f.processes, key: f.worker.key}
		child := &process{cmd: exec.Command(program, f.workerArgs(share, p)...)}
		child.cmd.Args[0] = c.Name
		child.cmd.Stdout, child.cmd.Stderr = &child.out, c.Stderr
		if err = child.cmd.Start(); err != nil {
			err = fmt.Errorf("start process %d: %w", i+1, err)
			break
		}
		running = append(running, child)
	}
	for i, child := range running {
		answer, childErr := child.wait()
		events += answer.Events
		bytes += answer.Bytes
		if childErr != nil && err == nil {
			err = &exitError{child.cmd.ProcessState.ExitCode(), fmt.Sprintf("process %d of %d: %v", i+1, f.processes, childErr), ""}
		}
	}
	return events, bytes, withCode(err)
}

// withCode makes exitFailed of the code of a process that a signal ended.
func withCode(err error) error {
	var e *exitError
	if errors.As(err, &e) && e.code <= 0 {
		e.code = exitFailed
	}
	return err
}

// process is a running worker.
type process struct {
	cmd *exec.Cmd
	out strings.Builder
}

// wait returns the worker's answer, zero when it had none.
func (p *process) wait() (answer simulateAnswer, err error) {
	err = p.cmd.Wait()
	if p.out.Len() > 0 {
		if jsonErr := json.Unmarshal([]byte(p.out.String()), &answer); err == nil && jsonErr != nil {
			err = errors.New("its answer cannot be read")
		}
	}
	return answer, err
}

// workerArgs is the command line of one worker. The directory is given by flag:
// whether events may be recorded has been settled here.
func (f simulateFlags) workerArgs(share workerValue, p permission) []string {
	args := []string{
		"telemetry", "simulate", "--json", "--dir=" + p.dir, "--level=" + string(p.level),
		"--sessions=" + strconv.Itoa(f.sessions), "--days=" + strconv.Itoa(f.days),
		"--seed=" + strconv.FormatUint(f.seed, 10), "--start=" + f.start.UTC().Format(time.RFC3339Nano),
		"--worker=" + share.String(),
	}
	if f.rate > 0 {
		args = append(args, "--rate="+strconv.FormatFloat(f.rate/float64(share.of), 'g', -1, 64))
	}
	return args
}
