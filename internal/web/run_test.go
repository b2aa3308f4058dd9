package web_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/status"
	"envoyd/internal/web"
)

// run starts the server as the daemon does; stop waits for the end.
func (h *house) run(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.server.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

// condition waits until the page's condition has a state.
func (h *house) condition(t *testing.T, want status.State) status.Condition {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if c := h.board.Get("http"); c.State == want || time.Now().After(deadline) {
			if c.State != want {
				t.Fatalf("condition %+v, want %s", c, want)
			}
			return c
		}
	}
}

func TestRunServesAndSaysWhere(t *testing.T) {
	h := newHouse(nil)
	defer h.run(t)()
	c := h.condition(t, status.Green)
	url := strings.TrimPrefix(c.Message, "the page is at ")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("%s: %d", url, answer.StatusCode)
	}
}

func TestRunNamesThisComputerWhenItListensEverywhere(t *testing.T) {
	h := newHouse(func(c *web.Config) { c.Listen = ":0" })
	defer h.run(t)()
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if c := h.condition(t, status.Green); !strings.HasPrefix(c.Message, "the page is at http://"+own+":") {
		t.Errorf("message %q", c.Message)
	}
}

func TestRunSaysThatThePortIsTaken(t *testing.T) {
	taken := listen(t, "127.0.0.1:0")
	defer func() { _ = taken.Close() }()
	h := newHouse(func(c *web.Config) { c.Listen = taken.Addr().String() })
	stop := h.run(t)
	c := h.condition(t, status.Red)
	if !strings.Contains(c.Message, taken.Addr().String()) || c.Mend == "" {
		t.Errorf("condition %+v", c)
	}
	stop() // at once, though the next try is half a minute away
}

func TestSlowRequestIsCut(t *testing.T) {
	bubble(t, func(t *testing.T, _ *house, p *pipes) {
		ours, theirs := net.Pipe()
		defer func() { _ = ours.Close() }()
		p.waiting <- theirs
		if _, err := fmt.Fprint(ours, "GET / HTTP/1.1\r\nHost: loc"); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := ours.Read(make([]byte, 1)); err == nil || time.Since(start) > time.Minute {
			t.Errorf("half a request held a connection for %s (%v)", time.Since(start), err)
		}
		synctest.Wait()
	})
}
