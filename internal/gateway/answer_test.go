package gateway_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/fault"
	"envoyd/internal/gateway"
)

func TestClassification(t *testing.T) {
	tests := map[string]struct {
		status int
		body   string
		kind   fault.Kind
		want   error
	}{
		"html":                    {200, "\n <!DOCTYPE html>", fault.Transient, gateway.ErrNotJSON},
		"empty":                   {200, "", fault.Transient, gateway.ErrEmpty},
		"blank":                   {200, " \r\n\t", fault.Transient, gateway.ErrEmpty},
		"no content":              {204, "", fault.Transient, gateway.ErrEmpty},
		"text":                    {200, "Error: busy", fault.Transient, gateway.ErrNotJSON},
		"cut off":                 {200, `{"a": [1, 2`, fault.Transient, gateway.ErrTruncated},
		"two documents":           {200, `{}{}`, fault.Transient, gateway.ErrTruncated},
		"bad request":             {400, "", fault.Unsupported, gateway.ErrNotFound},
		"not found":               {404, `{ "error" : "404 - Not Found" }`, fault.Unsupported, gateway.ErrNotFound},
		"gone":                    {410, "", fault.Unsupported, gateway.ErrNotFound},
		"not implemented":         {501, "", fault.Unsupported, gateway.ErrNotFound},
		"too many":                {429, "", fault.Transient, gateway.ErrBusy},
		"server error":            {500, "<html>", fault.Transient, gateway.ErrBusy},
		"bad gateway":             {502, "<html>openresty", fault.Transient, gateway.ErrBusy},
		"starting":                {503, "", fault.Transient, gateway.ErrBusy},
		"gateway timeout":         {504, "", fault.Transient, gateway.ErrBusy},
		"nonsense status":         {799, "{}", fault.Transient, gateway.ErrBusy},
		"redirect to a login":     {302, "{}", fault.Transient, gateway.ErrRedirect},
		"not modified out of air": {304, "", fault.Transient, gateway.ErrRedirect},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, "8.2.4345")
			f.page(meters, answers(tt.status, tt.body))
			c := newClient(t, nil)
			connect(t, c, f.address)
			_, err := c.Get(t.Context(), meters, false)
			if !errors.Is(err, tt.want) || !fault.Is(err, tt.kind) {
				t.Errorf("got %v of kind %v", err, fault.KindOf(err))
			}
			if !strings.Contains(err.Error(), serial) || !strings.Contains(err.Error(), meters) {
				t.Errorf("%q does not say what was being done", err)
			}
			if tt.status == 503 && fault.After(err) != 30*time.Second {
				t.Errorf("after %s", fault.After(err))
			}
		})
	}
}

func TestWishToBeLeftAloneIsBounded(t *testing.T) {
	for wish, want := range map[string]time.Duration{
		"7": 7 * time.Second, "999999": 15 * time.Minute, "99999999999999": 30 * time.Second, "-1": 30 * time.Second,
	} {
		f := newFake(t, "8.2.4345")
		f.page(meters, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", wish)
			w.WriteHeader(503)
		})
		c := newClient(t, nil)
		connect(t, c, f.address)
		if _, err := c.Get(t.Context(), meters, false); fault.After(err) != want {
			t.Errorf("%s: %s", wish, fault.After(err))
		}
	}
}

func TestHTMLOfOldFirmware(t *testing.T) {
	f := newFake(t, "3.9.36")
	f.page("/production", answers(200, "\ufeff\n<html>"))
	c := newClient(t, noToken)
	connect(t, c, f.address)
	if a, err := c.GetHTML(t.Context(), "/production", true); err != nil || string(a.Body) != "<html>" {
		t.Errorf("%q, %v", a.Body, err)
	}
	if _, err := c.Get(t.Context(), "/production", true); !fault.Is(err, fault.Unsupported) || !errors.Is(err, gateway.ErrNotJSON) {
		t.Errorf("firmware 3 answers pages it does not have by HTML: %v", err)
	}
}

// ask serves a page by handler and returns what comes of one Get.
func ask(t *testing.T, handler http.HandlerFunc) (gateway.Answer, error) {
	t.Helper()
	f := newFake(t, "8.2.4345")
	f.page(meters, handler)
	c := newClient(t, nil)
	connect(t, c, f.address)
	a, err := c.Get(t.Context(), meters, false)
	f.page(meters, answers(200, "[]"))
	if _, after := c.Get(t.Context(), meters, false); after != nil {
		t.Errorf("the next request suffers: %v", after)
	}
	return a, err
}

func TestGzip(t *testing.T) {
	zipped := func(n int) []byte {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = fmt.Fprintf(w, `["%s"]`, strings.Repeat("0", n))
		_ = w.Close()
		return b.Bytes()
	}
	serve := func(body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Accept-Encoding") != "gzip" {
				t.Error("gzip was not asked for")
			}
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(body)
		}
	}
	if a, err := ask(t, serve(zipped(1000))); err != nil || len(a.Body) != 1004 {
		t.Errorf("%d bytes, %v", len(a.Body), err)
	}
	if _, err := ask(t, serve(zipped(9<<20))); !errors.Is(err, gateway.ErrTooLarge) {
		t.Errorf("bomb: %v", err)
	}
	for name, body := range map[string][]byte{"cut off": zipped(5000)[:20], "no gzip": []byte("[]")} {
		if _, err := ask(t, serve(body)); !errors.Is(err, gateway.ErrTruncated) || !fault.Is(err, fault.Transient) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var nothing bytes.Buffer
	_ = gzip.NewWriter(&nothing).Close()
	if _, err := ask(t, serve(bytes.Repeat(nothing.Bytes(), 500_000))); !errors.Is(err, gateway.ErrTruncated) {
		t.Errorf("many parts of nothing: %v", err)
	}
	if _, err := ask(t, serve(nil)); !errors.Is(err, gateway.ErrEmpty) {
		t.Errorf("empty: %v", err)
	}
}

func TestEndlessBody(t *testing.T) {
	_, err := ask(t, func(w http.ResponseWriter, _ *http.Request) {
		for block := bytes.Repeat([]byte("[1],"), 1<<14); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	if !errors.Is(err, gateway.ErrTooLarge) || !fault.Is(err, fault.Transient) {
		t.Error(err)
	}
}

func TestBodyCutShort(t *testing.T) {
	_, err := ask(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = fmt.Fprint(w, `{"a":1}`)
	})
	if !errors.Is(err, gateway.ErrTruncated) || !fault.Is(err, fault.Transient) {
		t.Error(err)
	}
}

func TestEndlessHeader(t *testing.T) {
	_, err := ask(t, func(w http.ResponseWriter, _ *http.Request) {
		for i := range 2000 {
			w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", 100))
		}
		_, _ = fmt.Fprint(w, "[]")
	})
	if err == nil || !fault.Is(err, fault.Transient) {
		t.Error(err)
	}
}

// A 101 makes of the connection something that heeds no deadline.
func TestUpgradeNobodyAskedFor(t *testing.T) {
	_, err := ask(t, func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn) // until the client hangs up
	})
	if !errors.Is(err, gateway.ErrNotAGateway) {
		t.Error(err)
	}
}

// inBubble connects over net.Pipe to a legacy gateway whose connection is
// handled by serve after the first /info, in the time of the bubble.
func inBubble(t *testing.T, serve func(conn net.Conn), try func(t *testing.T, c *gateway.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var wg sync.WaitGroup
		defer wg.Wait()
		c := gateway.New(gateway.Config{Serial: serial})
		defer c.Close()
		c.SetDial(func(_ context.Context, _, address string) (net.Conn, error) {
			if strings.HasSuffix(address, ":443") {
				return nil, errors.New("refused")
			}
			ours, theirs := net.Pipe()
			wg.Go(func() {
				defer func() { _ = theirs.Close() }()
				info := infoXML(serial, "5.0.62")
				if !readRequest(theirs) {
					return
				}
				_, _ = fmt.Fprintf(theirs, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(info), info)
				if readRequest(theirs) {
					serve(theirs)
				}
			})
			return ours, nil
		})
		if _, err := c.Connect(t.Context(), "192.168.1.20"); err != nil {
			t.Fatal(err)
		}
		try(t, c)
	})
}

// readRequest reads up to the blank line.
func readRequest(conn net.Conn) bool {
	var seen []byte
	buf := make([]byte, 4096)
	for !bytes.Contains(seen, []byte("\r\n\r\n")) {
		n, err := conn.Read(buf)
		if err != nil {
			return false
		}
		seen = append(seen, buf[:n]...)
	}
	return true
}

func TestSlowAnswersEnd(t *testing.T) {
	trickle := func(conn net.Conn, start string) {
		_, _ = fmt.Fprint(conn, start)
		for {
			time.Sleep(time.Second)
			if _, err := conn.Write([]byte("x")); err != nil {
				return
			}
		}
	}
	for name, serve := range map[string]func(net.Conn){
		"silence":      func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)) },
		"slow header":  func(conn net.Conn) { trickle(conn, "HTTP/1.1 200 OK\r\nX-Slow: ") },
		"slow body":    func(conn net.Conn) { trickle(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{") },
		"slow chunks":  func(conn net.Conn) { trickle(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n") },
		"endless 1xx":  func(conn net.Conn) { trickle(conn, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 103 Early") },
		"endless 200s": func(conn net.Conn) { trickle(conn, "HTTP/1.1 200 OK\r\n\r\n") },
	} {
		for slow, limit := range map[bool]time.Duration{false: 10 * time.Second, true: time.Minute} {
			t.Run(fmt.Sprintf("%s %s", name, limit), func(t *testing.T) {
				inBubble(t, serve, func(t *testing.T, c *gateway.Client) {
					start := time.Now()
					_, err := c.Get(t.Context(), "/production.json", slow)
					if took := time.Since(start); took != limit || !errors.Is(err, context.DeadlineExceeded) || !fault.Is(err, fault.Transient) {
						t.Errorf("after %s: %v", took, err)
					}
					if err == nil || !strings.Contains(err.Error(), limit.String()) {
						t.Errorf("%v does not name the limit", err)
					}
				})
			})
		}
	}
}

func TestLatencyIsMeasuredToTheLastByte(t *testing.T) {
	inBubble(t, func(conn net.Conn) {
		_, _ = fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[")
		time.Sleep(3 * time.Second)
		_, _ = fmt.Fprint(conn, "]")
		_, _ = conn.Read(make([]byte, 1))
	}, func(t *testing.T, c *gateway.Client) {
		start := time.Now()
		a, err := c.Get(t.Context(), "/production.json", false)
		if err != nil || a.Latency != 3*time.Second || a.Received.Sub(start) != 3*time.Second {
			t.Errorf("%s, %v", a.Latency, err)
		}
	})
}

func TestIdleConnectionIsGivenUpBeforeAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var idle time.Duration
		var wg sync.WaitGroup
		c := gateway.New(gateway.Config{Serial: serial})
		c.SetDial(func(_ context.Context, _, address string) (net.Conn, error) {
			if strings.HasSuffix(address, ":443") {
				return nil, errors.New("refused")
			}
			ours, theirs := net.Pipe()
			wg.Go(func() {
				info := infoXML(serial, "5.0.62")
				readRequest(theirs)
				_, _ = fmt.Fprintf(theirs, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(info), info)
				answered := time.Now()
				_, _ = theirs.Read(make([]byte, 1)) // until our end is closed
				idle = time.Since(answered)
				_ = theirs.Close()
			})
			return ours, nil
		})
		connect(t, c, "192.168.1.20")
		time.Sleep(2 * time.Minute)
		wg.Wait()
		if idle == 0 || idle >= time.Minute {
			t.Errorf("given up after %s", idle)
		}
		c.Close()
	})
}

func TestHandshakeThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := gateway.New(gateway.Config{Serial: serial})
		c.SetDial(func(_ context.Context, _, address string) (net.Conn, error) {
			if strings.HasSuffix(address, ":80") {
				return nil, errors.New("refused")
			}
			ours, theirs := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, theirs) }()
			return ours, nil
		})
		start := time.Now()
		_, err := c.Connect(t.Context(), "192.168.1.20")
		if took := time.Since(start); took != 5*time.Second || !fault.Is(err, fault.Transient) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %s: %v", took, err)
		}
		c.Close()
	})
}

// One number that is none must not cost the others: answer reads them.
func TestBareNaNIsNoBrokenAnswer(t *testing.T) {
	f := newFake(t, "8.2.4345")
	f.page(meters, answers(200, `[{"eid":1,"reactivePower":NaN,"activePower":-Infinity,"note":"\"nan"}]`))
	c := newClient(t, nil)
	connect(t, c, f.address)
	if _, err := c.Get(t.Context(), meters, false); err != nil {
		t.Error(err)
	}
}
