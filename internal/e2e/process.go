package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// Signal sends a signal to the daemon's process; only with Options.Process.
func (h *House) Signal(s syscall.Signal) {
	h.t.Helper()
	if err := h.cmd.Process.Signal(s); err != nil {
		h.t.Fatal(err)
	}
}

// PID is the daemon's process; only with Options.Process.
func (h *House) PID() int { return h.cmd.Process.Pid }

// Command runs envoyd with the house's configuration to its end and returns
// all that it wrote and its exit status. Flags go behind the command's name.
func (h *House) Command(stdin string, name string, args ...string) (output string, status int) {
	h.t.Helper()
	args = append([]string{name, "-config", h.File, "-log-level", "debug"}, args...)
	cmd := exec.Command(Program(h.t), args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = os.Environ()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return out.String(), exit.ExitCode()
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return out.String(), 0
}
