package databases_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// readingsPath is where the power of a gateway with CTs comes from.
const readingsPath = "/ivp/meters/readings"

// witness stands between the daemon and the gateway and writes down every
// measurement that was handed over. To the daemon it is the gateway: it pins
// the key it sees here.
type witness struct {
	*httptest.Server
	gateway atomic.Pointer[url.URL]

	mu    sync.Mutex
	given map[int64]time.Time // measurement in Unix s to when it was handed over first
	lost  []span              // when what was handed over may not have arrived
}

// span is a time in which a daemon was being killed.
type span struct{ from, to time.Time }

// inFlight is how long an answer may take from here to the daemon's Append. It
// is a tenth of this on an idle machine.
const inFlight = 500 * time.Millisecond

func newWitness(t *testing.T) *witness {
	t.Helper()
	w := &witness{given: map[int64]time.Time{}}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(w.gateway.Load()); r.Out.Host = r.In.Host },
		ModifyResponse: w.note,
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		Transport:      &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, //nolint:gosec // the simulated gateway's own key
	}
	w.Server = httptest.NewTLSServer(proxy)
	w.Config.ErrorLog = nil
	t.Cleanup(w.Close)
	return w
}

// address is what the daemon is told to be the gateway's.
func (w *witness) address() string { return strings.TrimPrefix(w.URL, "https://") }

// watch says whose answers are passed on.
func (w *witness) watch(address string) {
	w.gateway.Store(&url.URL{Scheme: "https", Host: address})
}

func (w *witness) note(resp *http.Response) error {
	if resp.Request.URL.Path != readingsPath || resp.StatusCode != http.StatusOK {
		return nil
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	var meters []struct{ Timestamp int64 }
	if err := json.Unmarshal(body, &meters); err != nil || len(meters) == 0 {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.given[meters[0].Timestamp]; !known {
		w.given[meters[0].Timestamp] = time.Now()
	}
	return nil
}

// killing is called just before the daemon is killed; the function returned
// when it is dead.
func (w *witness) killing() (dead func()) {
	from := time.Now().Add(-inFlight)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.lost = append(w.lost, span{from, time.Now()})
	}
}

// count is how many measurements were handed over.
func (w *witness) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.given)
}

// all returns the measurements that were handed over, by Unix ms, and those of
// them that must have been kept: not on their way while the daemon was killed.
func (w *witness) all() (given, kept map[int64]bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	given, kept = map[int64]bool{}, map[int64]bool{}
	for at := range w.given {
		given[at*1000] = true
	}
	maps.Copy(kept, given)
	for at, when := range w.given {
		for _, s := range w.lost {
			if when.After(s.from) && when.Before(s.to) {
				delete(kept, at*1000)
			}
		}
	}
	return given, kept
}
