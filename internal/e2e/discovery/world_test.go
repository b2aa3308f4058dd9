package discovery_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"envoyd/internal/e2e"
	"envoyd/internal/netnstest"
	"envoyd/internal/reading"
	"envoyd/internal/sim"
	"envoyd/internal/status"
)

const (
	first  = sim.DefaultSerial
	second = "122333444666"
)

// world is a home with two computers in it.
type world struct {
	*netnstest.Pair
	t       *testing.T
	dir     string
	env     []string
	program string
	daemon  *netnstest.Process
	api     *http.Client
	said    string // what the last command wrote to its standard error
}

// newWorld makes it; config is added to the one line that is always there.
func newWorld(t *testing.T, config string) *world {
	t.Helper()
	w := &world{Pair: netnstest.New(t), t: t, dir: t.TempDir(), program: e2e.Program(t)}
	w.configure(config)
	w.api = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(w.dir, "state", "envoyd.sock"))
		},
	}}
	t.Cleanup(func() {
		if t.Failed() && w.daemon != nil {
			t.Log("the daemon's log:\n" + w.daemon.Output())
		}
	})
	return w
}

func (w *world) configure(config string) {
	w.t.Helper()
	text := "store: {path: " + filepath.Join(w.dir, "state") + "}\n" + config
	if err := os.WriteFile(filepath.Join(w.dir, "envoyd.yaml"), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) start() {
	w.t.Helper()
	w.daemon = w.Near.Start(w.env, w.program, "run", "-config", filepath.Join(w.dir, "envoyd.yaml"), "-log-level", "debug")
	w.wait("the daemon's socket", func() bool { _, err := w.get("/healthz"); return err == nil })
}

func (w *world) stop() {
	w.t.Helper()
	if err := syscall.Kill(w.daemon.Cmd.Process.Pid, syscall.SIGTERM); err != nil {
		w.t.Fatal(err)
	}
	<-w.daemon.Ended()
	if strings.Contains(w.daemon.Output(), "panic") {
		w.t.Error("the daemon panicked")
	}
}

// gateways starts simulated ones in the far namespace and returns the process
// and the first one's token.
func (w *world) gateways(list ...string) (p *netnstest.Process, token string) {
	w.t.Helper()
	p = w.Far.StartSelf("TestGatewayForANamespace", "GATEWAYS="+strings.Join(list, " "))
	w.wait("the gateways", func() bool { return strings.Contains(p.Output(), "all are there") })
	for line := range strings.Lines(p.Output()) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == "token" {
			return p, f[1]
		}
	}
	w.t.Fatal("no token in ", p.Output())
	return nil, ""
}

func (w *world) door(s *netnstest.Space, port string) *netnstest.Process {
	w.t.Helper()
	p := s.StartSelf("TestDoorForANamespace", "DOOR="+port)
	w.wait("the door", func() bool { return strings.Contains(p.Output(), "the door is there") })
	return p
}

// announce has avahi publish gateways, and waits until it has.
func (w *world) announce(services ...netnstest.Service) {
	w.t.Helper()
	p := w.Far.Avahi("envoy", services...)
	w.wait("avahi", func() bool { return strings.Count(p.Output(), "Established under name") >= len(services) })
}

func service(instance, serial string, port int) netnstest.Service {
	return netnstest.Service{Instance: instance, Type: "_enphase-envoy._tcp", Port: port,
		Text: []string{"serialnum=" + serial, "protovers=8.2.4345", "txtvers=1"}}
}

// command runs envoyd beside the daemon and returns its standard output.
func (w *world) command(stdin string, args ...string) (output string, code int) {
	w.t.Helper()
	args = append(args, "-config", filepath.Join(w.dir, "envoyd.yaml"))
	cmd := w.Near.Command(w.program, args...)
	cmd.Env = append(os.Environ(), w.env...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	w.said = errs.String()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return out.String(), exit.ExitCode()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return out.String(), 0
}

func (w *world) get(path string) (string, error) {
	resp, err := w.api.Get("http://localhost" + path)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}

func (w *world) condition(name string) status.Condition {
	var health struct{ Conditions []status.Condition }
	text, err := w.get("/readyz")
	if err == nil && json.Unmarshal([]byte(text), &health) == nil {
		for _, c := range health.Conditions {
			if c.Name == name {
				return c
			}
		}
	}
	return status.Condition{}
}

func (w *world) readings() []reading.Reading {
	var all []reading.Reading
	text, err := w.get("/api/v1/readings")
	if err != nil || json.Unmarshal([]byte(text), &all) != nil {
		return nil
	}
	return all
}

func (w *world) fresh() {
	w.t.Helper()
	now := time.Now()
	w.wait("a fresh reading", func() bool {
		all := w.readings()
		return len(all) == 1 && all[0].Quality == reading.Good && all[0].Time.After(now)
	})
}

func (w *world) wait(what string, ok func() bool) { w.t.Helper(); e2e.WaitFor(w.t, what, ok) }
