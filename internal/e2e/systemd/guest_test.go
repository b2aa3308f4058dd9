package systemd_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"envoyd/internal/e2e"
	"envoyd/internal/parts"
	"envoyd/internal/reading"
	"envoyd/internal/status"
)

// guest is a booted Debian with our sources in /opt/envoyd.
type guest struct {
	t      *testing.T
	leader int // its process 1, as this machine numbers it
	api    *http.Client
}

// boot copies the image, puts what a user would have into it, and starts it.
func boot(t *testing.T) *guest {
	t.Helper()
	if os.Geteuid() != 0 {
		parts.Missing(t, "booting a Debian needs root")
	}
	nspawn, img := parts.Find(t, "systemd-nspawn"), image(t)
	root := filepath.Join(t.TempDir(), "debian")
	shell(t, "cp", "-a", img, root)
	shell(t, "ln", "-sf", "/dev/null", filepath.Join(root, "etc/systemd/system/systemd-udevd.service"))
	source := filepath.Join(root, "opt/envoyd")
	shell(t, "mkdir", "-p", filepath.Join(source, "build"))
	for _, part := range []string{"scripts", "systemd", "configs"} {
		shell(t, "cp", "-r", filepath.Join(parts.Root(t), part), source)
	}
	programs(t, filepath.Join(source, "build"))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	shell(t, "cp", self, filepath.Join(source, "build", "probe"))
	console := &e2e.Log{}
	// nspawn forbids even to ask for the clock; that is for the unit to decide.
	cmd := exec.Command(nspawn, "-D", root, "-b", "--register=no", "--keep-unit", "--private-network", "--console=pipe",
		"--system-call-filter=adjtimex clock_adjtime")
	cmd.Stdout, cmd.Stderr = console, console
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	g := &guest{t: t}
	t.Cleanup(func() { g.off(cmd, console) })
	e2e.WaitFor(t, "the Debian's process 1", func() bool { g.leader = leaderOf(cmd.Process.Pid); return g.leader != 0 })
	e2e.WaitFor(t, "the Debian to have started", func() bool {
		out, _ := g.run("systemctl", "is-system-running")
		return strings.HasPrefix(out, "running") || strings.HasPrefix(out, "degraded")
	})
	g.api = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", g.path("/run/envoyd/envoyd.sock"))
		},
	}}
	return g
}

// off ends the guest: all its processes end with its process 1.
func (g *guest) off(cmd *exec.Cmd, console *e2e.Log) {
	if g.t.Failed() && g.leader != 0 {
		out, _ := g.run("journalctl", "--no-pager", "-u", unitName, "-n", "150")
		g.t.Log("console:\n" + console.String() + "\njournal:\n" + out)
	}
	if g.leader != 0 {
		_, _ = g.run("systemctl", "--force", "--force", "poweroff") // it takes us down with it
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		_ = cmd.Process.Kill()
		<-ended
	}
	leaveNoGroups()
}

// leaveNoGroups removes the empty control groups that nspawn leaves where no
// systemd cleans up behind it.
func leaveNoGroups() {
	for _, hierarchy := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"} {
		for _, left := range []string{"payload", "supervisor"} {
			var all []string
			_ = filepath.WalkDir(filepath.Join(hierarchy, left), func(path string, d os.DirEntry, err error) error {
				if err == nil && d.IsDir() {
					all = append(all, path)
				}
				return err
			}) // mostly there is none
			for _, path := range slices.Backward(all) {
				_ = os.Remove(path) // one in use stays
			}
		}
	}
}

// leaderOf finds the systemd that nspawn started.
func leaderOf(nspawn int) int {
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// The name stands in parentheses; state and parent follow.
		name, rest, _ := strings.Cut(string(text), ") ")
		f := strings.Fields(rest)
		if strings.HasSuffix(name, "(systemd") && len(f) > 1 && f[1] == strconv.Itoa(nspawn) {
			pid, _ := strconv.Atoi(strings.Fields(name)[0])
			return pid
		}
	}
	return 0
}

// command is one that will run in the guest.
func (g *guest) command(args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"-t", strconv.Itoa(g.leader), "-m", "-u", "-i", "-n", "-p", "-C"}, args...)...)
}

func (g *guest) run(args ...string) (string, error) {
	out, err := g.command(args...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (g *guest) must(args ...string) string {
	g.t.Helper()
	out, err := g.run(args...)
	if err != nil {
		g.t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
	}
	return out
}

// path is where this machine sees a file of the guest.
func (g *guest) path(inside string) string { return fmt.Sprintf("/proc/%d/root%s", g.leader, inside) }

func (g *guest) write(path, text string, mode os.FileMode) {
	g.t.Helper()
	g.must("mkdir", "-p", filepath.Dir(path))
	if err := os.WriteFile(g.path(path), []byte(text), mode); err != nil {
		g.t.Fatal(err)
	}
}

// unit returns properties of the service, by name.
func (g *guest) unit(names ...string) string {
	g.t.Helper()
	out := g.must("systemctl", "show", "--value", "-p", strings.Join(names, ","), unitName)
	return strings.Join(strings.Fields(out), " ")
}

func (g *guest) get(path string, into any) error {
	resp, err := g.api.Get("http://localhost" + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	return json.NewDecoder(resp.Body).Decode(into)
}

// condition is the health of a part; its zero value when there is none.
func (g *guest) condition(name string) status.Condition {
	var health struct{ Conditions []status.Condition }
	if g.get("/readyz", &health) == nil {
		for _, c := range health.Conditions {
			if c.Name == name {
				return c
			}
		}
	}
	return status.Condition{}
}

// reading is the newest one; nil while there is none.
func (g *guest) reading() *reading.Reading {
	var all []*reading.Reading
	if g.get("/api/v1/readings", &all) != nil || len(all) == 0 {
		return nil
	}
	return all[0]
}

func (g *guest) fresh() {
	g.t.Helper()
	now := time.Now()
	g.wait("a fresh reading", func() bool {
		r := g.reading()
		return r != nil && r.Quality == reading.Good && r.Time.After(now)
	})
}

func (g *guest) wait(what string, ok func() bool) { g.t.Helper(); e2e.WaitFor(g.t, what, ok) }

func shell(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}

// outside runs a program of this machine in the guest's network.
func (g *guest) outside(args ...string) (string, error) {
	out, err := exec.Command("nsenter", append([]string{"-t", strconv.Itoa(g.leader), "-n"}, args...)...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}
