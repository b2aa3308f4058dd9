// Package e2e runs the whole daemon in a simulated house, for the tests in its
// folders: a gateway that misbehaves on demand, Enphase's login, an MQTT
// broker, and envoyd between them, in this process or in one of its own that
// can be killed. Tests read what a user would read: the page's API, the topics,
// the conditions.
package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"envoyd/internal/app"
	"envoyd/internal/config"
	"envoyd/internal/parts"
	"envoyd/internal/reading"
	"envoyd/internal/sim"
	"envoyd/internal/sim/account"
	"envoyd/internal/status"
)

// Patience is how long a condition is waited for. It is long because nothing
// is measured by it: tests of speed are benchmarks.
const Patience = 60 * time.Second

// Options say which house is built.
type Options struct {
	Sim sim.Config // Cloud and Broker are always there
	// Token gives the daemon a pasted token instead of the account.
	Token string
	// Address replaces the gateway's address in the configuration; "-" leaves
	// it out.
	Address string
	// Gateway is more YAML for the gateway's block, in flow style: "timezone: Europe/Berlin".
	Gateway string
	// Extra is more YAML for the file: further sections.
	Extra string
	// LinkLife is how long the link of a consent is open; 0 is the daemon's own.
	LinkLife time.Duration
	// Process runs the daemon in a process of its own, to be killed.
	Process bool
}

// House is a simulated house with a daemon in it.
type House struct {
	t    testing.TB
	opt  Options
	Sim  *sim.Sim
	Dir  string // of the test: configuration, secrets, state
	Page string // http://127.0.0.1:PORT
	File string // the configuration
	Log  *Log   // what the daemon logged

	stop   context.CancelFunc
	done   chan error
	reload chan struct{}
	cmd    *exec.Cmd
}

// Start builds the house and starts the daemon. Everything ends with the test.
func Start(t testing.TB, opt Options) *House {
	t.Helper()
	h := Build(t, opt)
	h.StartDaemon()
	return h
}

// Build builds the house and leaves the daemon to the test.
func Build(t testing.TB, opt Options) *House {
	t.Helper()
	opt.Sim.Cloud, opt.Sim.Broker = "127.0.0.1:0", "127.0.0.1:0"
	s, err := sim.Start(opt.Sim)
	if err != nil {
		t.Fatal(err)
	}
	h := &House{t: t, opt: opt, Sim: s, Dir: t.TempDir(), Page: "http://" + freePort(t), Log: &Log{}}
	h.File = filepath.Join(h.Dir, "envoyd.yaml")
	t.Cleanup(func() {
		h.StopDaemon()
		if err := s.Close(); err != nil {
			t.Error("closing the simulated home:", err)
		}
		if t.Failed() {
			t.Log("the daemon's log:\n" + h.Log.String())
		}
	})
	h.write("mqtt", s.Broker.Password())
	h.write("account", account.Password)
	h.WriteConfig()
	return h
}

func (h *House) write(name, text string) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.Dir, name), []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// WriteConfig writes the configuration anew, after the options were changed.
func (h *House) WriteConfig() {
	h.t.Helper()
	address := h.opt.Address
	if address == "" {
		address = h.Sim.Gateway.Addr()
	}
	block := fmt.Sprintf("serial: %q, name: Home", h.Sim.Identity().Serial)
	if address != "-" {
		block += fmt.Sprintf(", address: %q", address)
	}
	account := fmt.Sprintf("account: {username: %q, password_file: %q}\n", sim.User, filepath.Join(h.Dir, "account"))
	if h.opt.Token != "" {
		h.write("token", h.opt.Token)
		block += fmt.Sprintf(", token_file: %q", filepath.Join(h.Dir, "token"))
		account = ""
	}
	if h.opt.Gateway != "" {
		block += ", " + h.opt.Gateway
	}
	cloud := h.Sim.Account.URL()
	h.write("envoyd.yaml", "gateways: [{"+block+"}]\n"+account+
		fmt.Sprintf("endpoints: {entrez: %q, enlighten: %q, api: %q}\n", cloud, cloud, cloud)+
		fmt.Sprintf("mqtt: {url: \"mqtt://%s\", username: %q, password_file: %q}\n", h.Sim.Broker.Addr(), h.Sim.Broker.User(), filepath.Join(h.Dir, "mqtt"))+
		fmt.Sprintf("store: {path: %q}\nhttp: {listen: %q}\n", filepath.Join(h.Dir, "state"), strings.TrimPrefix(h.Page, "http://"))+
		h.opt.Extra)
}

// SetAddress changes the configured address of the gateway.
func (h *House) SetAddress(address string) { h.opt.Address = address; h.WriteConfig() }

// StartDaemon starts the daemon with the configuration as it is.
func (h *House) StartDaemon() {
	h.t.Helper()
	if h.opt.Process {
		h.spawn()
	} else {
		h.runInside()
	}
	h.Wait("the daemon to listen", func() bool {
		_, err := h.get("/readyz")
		return err == nil
	})
}

func (h *House) runInside() {
	ctx, stop := context.WithCancel(context.Background())
	h.stop, h.done, h.reload = stop, make(chan error, 1), make(chan struct{}, 1)
	log := slog.New(slog.NewTextHandler(h.Log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	go func() {
		h.done <- app.Run(ctx, app.Options{
			Version: "test", Log: log, Reload: h.reload, LinkLife: h.opt.LinkLife,
			Load: func() (*config.Config, error) { return config.Load(h.File) },
		})
	}()
}

// Reload has the daemon read its configuration again, as SIGHUP does.
func (h *House) Reload() {
	h.t.Helper()
	if h.cmd == nil {
		h.reload <- struct{}{}
		return
	}
	if err := h.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		h.t.Fatal(err)
	}
}

func (h *House) spawn() {
	h.t.Helper()
	h.cmd = exec.Command(Program(h.t), "run", "-config", h.File, "-log-level", "debug")
	h.cmd.Stderr = h.Log
	if err := h.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
}

// StopDaemon stops the daemon as systemd does; nothing happens when it is not
// running.
func (h *House) StopDaemon() {
	h.t.Helper()
	switch {
	case h.cmd != nil:
		_ = h.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = h.cmd.Wait()
		h.cmd = nil
	case h.stop != nil:
		h.stop()
		if err := <-h.done; err != nil {
			h.t.Error("the daemon ended with:", err)
		}
		h.stop = nil
	}
}

// Kill kills the daemon's process with SIGKILL.
func (h *House) Kill() {
	h.t.Helper()
	if err := h.cmd.Process.Kill(); err != nil {
		h.t.Fatal(err)
	}
	_ = h.cmd.Wait() // it was killed: that is its error
	h.cmd = nil
}

// Wait waits until ok, and fails the test when Patience is over.
func (h *House) Wait(what string, ok func() bool) {
	h.t.Helper()
	WaitFor(h.t, what, ok)
}

// WaitFor waits until ok, and fails the test when Patience is over.
func WaitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(Patience)
	defer deadline.Stop()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("waited %s in vain for %s", Patience, what)
		case <-look.C:
		}
	}
}

func (h *House) get(path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, h.Page+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	return io.ReadAll(resp.Body)
}

// Ready reports whether /readyz says that readings are fresh.
func (h *House) Ready() bool {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodHead, h.Page+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close() // HEAD has none
	return resp.StatusCode == http.StatusOK
}

// Get asks the daemon's page for path; while the daemon changes its
// configuration it may not answer for a moment.
func (h *House) Get(path string) string {
	h.t.Helper()
	var text []byte
	h.Wait("the page to answer for "+path, func() (ok bool) {
		var err error
		text, err = h.get(path)
		return err == nil
	})
	return string(text)
}

// Reading returns the gateway's newest reading, nil while there is none.
func (h *House) Reading() *reading.Reading {
	h.t.Helper()
	var all []*reading.Reading
	if text := h.Get("/api/v1/readings"); json.Unmarshal([]byte(text), &all) != nil {
		h.t.Fatalf("not readings: %s", text)
	}
	if len(all) == 0 {
		return nil
	}
	return all[0]
}

// Until waits for a reading that satisfies ok and returns it.
func (h *House) Until(what string, ok func(r *reading.Reading) bool) *reading.Reading {
	h.t.Helper()
	var r *reading.Reading
	h.Wait(what, func() bool { r = h.Reading(); return r != nil && ok(r) })
	return r
}

// Fresh waits for a good reading measured after now.
func (h *House) Fresh() *reading.Reading {
	h.t.Helper()
	now := time.Now()
	return h.Until("a fresh reading", func(r *reading.Reading) bool {
		return r.Quality == reading.Good && r.Time.After(now)
	})
}

// Condition returns the health of a part, as /readyz tells.
func (h *House) Condition(name string) status.Condition {
	h.t.Helper()
	var health struct{ Conditions []status.Condition }
	if text := h.Get("/readyz"); json.Unmarshal([]byte(text), &health) != nil {
		h.t.Fatalf("not conditions: %s", text)
	}
	for _, c := range health.Conditions {
		if c.Name == name {
			return c
		}
	}
	return status.Condition{}
}

// Program builds envoyd once per test binary and returns its path.
func Program(t testing.TB) string {
	t.Helper()
	build.Do(func() {
		dir, err := os.MkdirTemp("", "envoyd-e2e-")
		if err != nil {
			buildErr = err
			return
		}
		program = filepath.Join(dir, "envoyd")
		cmd := exec.Command("go", "build", "-o", program, "./cmd/envoyd")
		cmd.Dir = parts.Root(t)
		if out, err := cmd.CombinedOutput(); err != nil {
			buildErr = fmt.Errorf("%w: %s", err, out)
		}
	})
	if buildErr != nil {
		t.Fatal(buildErr)
	}
	return program
}

var (
	build    sync.Once
	program  string
	buildErr error
)

// Cleanup removes what Program built; call it from TestMain.
func Cleanup() {
	if program != "" {
		_ = os.RemoveAll(filepath.Dir(program)) // a leftover in the temporary folder
	}
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // only to learn a number
	return l.Addr().String()
}

// Log keeps what the daemon wrote.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write keeps text.
func (l *Log) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

// String returns all of it.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
