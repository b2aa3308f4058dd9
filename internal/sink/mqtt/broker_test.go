package mqtt

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"envoyd/internal/live"
	"envoyd/internal/parts"
	"envoyd/internal/status"
)

// mosquitto is a real broker on a loopback port.
type mosquitto struct {
	t    *testing.T
	dir  string
	port int
	conf string
	cmd  *exec.Cmd
}

// freePort asks the kernel for one.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// startMosquitto runs a broker with these lines in its configuration; PORT and
// DIR stand for its own.
func startMosquitto(t *testing.T, lines ...string) *mosquitto {
	t.Helper()
	m := &mosquitto{t: t, dir: t.TempDir(), port: freePort(t)}
	m.conf = filepath.Join(m.dir, "mosquitto.conf")
	text := strings.NewReplacer("PORT", fmt.Sprint(m.port), "DIR", m.dir).Replace(strings.Join(lines, "\n") + "\n")
	if err := os.WriteFile(m.conf, []byte("user root\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	return m
}

// file puts a file beside the configuration.
func (m *mosquitto) file(name, content string) *mosquitto {
	if err := os.WriteFile(filepath.Join(m.dir, name), []byte(content), 0o600); err != nil {
		m.t.Fatal(err)
	}
	return m
}

func (m *mosquitto) up() *mosquitto {
	m.t.Helper()
	m.cmd = exec.Command(parts.Find(m.t, "mosquitto"), "-c", m.conf)
	var out bytes.Buffer
	m.cmd.Stderr, m.cmd.Stdout = &out, &out
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(m.kill)
	until(m.t, "mosquitto listens", func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", m.port))
		if err != nil {
			return false
		}
		_ = c.Close()
		return true
	})
	return m
}

// kill ends the broker as a power cut would.
func (m *mosquitto) kill() {
	if m.cmd != nil {
		_ = m.cmd.Process.Kill()
		_ = m.cmd.Wait()
		m.cmd = nil
	}
}

func (m *mosquitto) url(scheme string) string {
	return fmt.Sprintf("%s://127.0.0.1:%d", scheme, m.port)
}

// until waits for a condition with real sockets.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("it never came about that %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// health keeps what a publisher reports.
type health struct {
	mu      sync.Mutex
	state   status.State
	message string
	mend    string
}

func (h *health) report(s status.State, message, mend string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.state, h.message, h.mend = s, message, mend
}

func (h *health) get() (status.State, string, string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state, h.message, h.mend
}

func (h *health) is(s status.State) func() bool {
	return func() bool { got, _, _ := h.get(); return got == s }
}

// publisher makes one for a test; run starts it until the test ends.
func publisher(t *testing.T, h *health, change func(*Config)) *Publisher {
	t.Helper()
	cfg := Config{Hub: &live.Hub{}, ClientID: "envoyd-test", Report: h.report, HA: HomeAssistant{Prefix: "homeassistant"}, Log: slog.New(slog.DiscardHandler)}
	change(&cfg)
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func run(t *testing.T, p *Publisher) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); <-done }) }
	t.Cleanup(stop)
	return stop
}

// listener is a subscriber that remembers the newest payload of each topic.
type listener struct {
	mu     sync.Mutex
	newest map[string]string
	count  map[string]int
}

func listen(t *testing.T, broker string, change func(*paho.ClientOptions)) *listener {
	t.Helper()
	l := &listener{newest: map[string]string{}, count: map[string]int{}}
	u, err := url.Parse(broker)
	if err != nil {
		t.Fatal(err)
	}
	o := paho.NewClientOptions().AddBroker("tcp://" + u.Host).SetClientID("listener").SetAutoReconnect(false).SetProtocolVersion(4)
	if change != nil {
		change(o)
	}
	c := paho.NewClient(o)
	if k := c.Connect(); k.Wait() && k.Error() != nil {
		t.Fatal(k.Error())
	}
	t.Cleanup(func() { c.Disconnect(100) })
	k := c.Subscribe("#", 1, func(_ paho.Client, m paho.Message) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.newest[m.Topic()] = string(m.Payload())
		l.count[m.Topic()]++
	})
	if k.Wait() && k.Error() != nil {
		t.Fatal(k.Error())
	}
	return l
}

func (l *listener) get(topic string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.newest[topic]
}

func (l *listener) heard(topic string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count[topic]
}
