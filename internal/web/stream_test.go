package web_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/reading"
)

// pipes is a listener in memory, so that its time is the test's.
type pipes struct {
	waiting chan net.Conn
	closed  chan struct{}
}

func newPipes() *pipes { return &pipes{waiting: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.waiting:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8099} }

// ask opens a connection and reads the head of the answer.
func (p *pipes) ask(t *testing.T, path string) (*http.Response, net.Conn) {
	t.Helper()
	ours, theirs := net.Pipe()
	p.waiting <- theirs
	if _, err := fmt.Fprintf(ours, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(ours), nil)
	if err != nil {
		t.Fatal(err)
	}
	return answer, ours
}

// listener reads events until the stream ends.
type listener struct {
	*bufio.Reader
	net.Conn
}

func (p *pipes) listen(t *testing.T) listener {
	t.Helper()
	answer, conn := p.ask(t, "/api/v1/stream")
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("stream: %d %v", answer.StatusCode, answer.Header)
	}
	return listener{Reader: bufio.NewReader(answer.Body), Conn: conn}
}

// next returns the next reading; comments are passed over.
func (l listener) next() (*reading.Reading, error) {
	for {
		line, err := l.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			r := new(reading.Reading)
			return r, json.Unmarshal([]byte(data), r)
		}
	}
}

// drain takes all events until the stream ends.
func (l listener) drain() { _, _ = io.Copy(io.Discard, l.Reader) }

// bubble runs a test in its own time against a server on pipes.
func bubble(t *testing.T, test func(t *testing.T, h *house, p *pipes)) {
	synctest.Test(t, func(t *testing.T) {
		h, p := newHouse(nil), newPipes()
		stop := h.serveOn(t, p)
		test(t, h, p)
		stop()
	})
}

func TestStreamSendsEachReading(t *testing.T) {
	bubble(t, func(t *testing.T, h *house, p *pipes) {
		h.hub.Publish(measured(home, "Home", time.Now(), 100))
		l := p.listen(t)
		defer func() { _ = l.Close() }()
		for w := 100.0; w < 105; w++ {
			r, err := l.next()
			if err != nil || r.Power.ProductionW != reading.Of(w) {
				t.Fatalf("got %v, %v; want %v W", r, err, w)
			}
			h.hub.Publish(measured(home, "Home", time.Now(), w+1))
		}
	})
}

func TestStreamOutlivesTheLimitsOfOrdinaryRequests(t *testing.T) {
	bubble(t, func(t *testing.T, h *house, p *pipes) {
		l := p.listen(t)
		defer func() { _ = l.Close() }()
		got := make(chan error, 1)
		go func() {
			_, err := l.next()
			got <- err
		}()
		time.Sleep(3 * time.Hour)
		h.hub.Publish(measured(home, "Home", time.Now(), 100))
		if err := <-got; err != nil {
			t.Errorf("a quiet stream ended: %v", err)
		}
	})
}

func TestStreamsAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T, _ *house, p *pipes) {
		var all []listener
		for range 64 {
			l := p.listen(t)
			go l.drain()
			all = append(all, l)
		}
		answer, conn := p.ask(t, "/api/v1/stream")
		if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
			t.Errorf("the 65th: %d %v", answer.StatusCode, answer.Header)
		}
		_ = conn.Close()
		_ = all[0].Close()
		synctest.Wait()
		all = append(all, p.listen(t)) // there is a place again
		for _, l := range all[1:] {
			_ = l.Close()
		}
	})
}

func TestSlowReaderIsCut(t *testing.T) {
	bubble(t, func(t *testing.T, h *house, p *pipes) {
		l := p.listen(t) // and takes nothing
		defer func() { _ = l.Close() }()
		for range 20 {
			h.hub.Publish(measured(home, "Home", time.Now(), 100))
			time.Sleep(time.Second)
		}
		from := time.Now()
		for {
			if _, err := l.next(); err != nil {
				break // cut; else this would wait for the next event
			}
		}
		if time.Since(from) > 0 {
			t.Errorf("after 20 s the stream was still open, and ended %s later", time.Since(from))
		}
	})
}

func TestSlowReaderOfHistoryIsCut(t *testing.T) {
	bubble(t, func(t *testing.T, _ *house, p *pipes) {
		answer, conn := p.ask(t, "/api/v1/history?from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z&step=1m")
		defer func() { _ = conn.Close() }()
		time.Sleep(2 * time.Minute)
		if _, err := io.ReadAll(answer.Body); err == nil {
			t.Error("an answer waited for its reader for two minutes")
		}
	})
}

func TestStreamsEndWithTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, p := newHouse(nil), newPipes()
		stop := h.serveOn(t, p)
		l := p.listen(t)
		defer func() { _ = l.Close() }()
		go l.drain()
		synctest.Wait()
		start := time.Now()
		stop()
		if took := time.Since(start); took > time.Second {
			t.Errorf("the end took %s: the stream was cut off rather than ended", took)
		}
	})
}
