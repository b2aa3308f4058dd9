package bench_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"envoyd/internal/e2e"
)

// readingsPath is where the power of a gateway with CTs comes from.
const readingsPath = "/ivp/meters/readings"

// witness stands before the gateway and notes when the last byte of each new
// measurement was written.
type witness struct {
	*httptest.Server
	gateway atomic.Pointer[url.URL]

	mu    sync.Mutex
	polls int
	given map[int64]time.Time // measurement in Unix s to its first last byte
}

func newWitness(b testing.TB) *witness {
	b.Helper()
	w := &witness{given: map[int64]time.Time{}}
	proxy := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(w.gateway.Load()); r.Out.Host = r.In.Host },
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		Transport:    &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, //nolint:gosec // the simulated gateway's own key
	}
	w.Server = httptest.NewTLSServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != readingsPath {
			proxy.ServeHTTP(rw, r)
			return
		}
		copied := &copying{ResponseWriter: rw}
		proxy.ServeHTTP(copied, r)
		_ = http.NewResponseController(rw).Flush() // else the last byte leaves after we return
		w.note(copied.body.Bytes(), time.Now())
	}))
	b.Cleanup(w.Close)
	return w
}

// copying keeps what is written.
type copying struct {
	http.ResponseWriter
	body bytes.Buffer
}

func (c *copying) Write(text []byte) (int, error) {
	c.body.Write(text)
	return c.ResponseWriter.Write(text)
}

// Unwrap is for http.ResponseController.
func (c *copying) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (w *witness) address() string { return strings.TrimPrefix(w.URL, "https://") }

func (w *witness) watch(address string) { w.gateway.Store(&url.URL{Scheme: "https", Host: address}) }

func (w *witness) note(body []byte, at time.Time) {
	var meters []struct{ Timestamp int64 }
	if json.NewDecoder(bytes.NewReader(body)).Decode(&meters) != nil || len(meters) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.polls++
	if _, known := w.given[meters[0].Timestamp]; !known {
		w.given[meters[0].Timestamp] = at
	}
}

func (w *witness) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.polls
}

// latencies returns how long after the last byte of an answer its message was
// at the subscriber, sorted. What came before since is the start, and left out.
func (w *witness) latencies(messages []e2e.Message, since time.Time) []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []time.Duration
	seen := map[int64]bool{}
	for _, m := range messages {
		var at struct{ Time time.Time }
		if json.NewDecoder(io.LimitReader(strings.NewReader(m.Payload), 1<<16)).Decode(&at) != nil {
			continue
		}
		last, known := w.given[at.Time.Unix()]
		if known && !seen[at.Time.Unix()] && m.At.After(since) && !m.Retained {
			all = append(all, m.At.Sub(last))
		}
		seen[at.Time.Unix()] = true
	}
	slices.Sort(all)
	return all
}
