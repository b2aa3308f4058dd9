package outage_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"envoyd/internal/sim"
)

// vendor is one API in front of the clouds of several homes, whose owner has
// given access to all of them: one application, one grant, one count of calls.
type vendor struct {
	sims []*sim.Sim
	muxs []*http.ServeMux

	mu    sync.Mutex
	calls []call
}

// call is one that was counted.
type call struct {
	at     time.Time
	system int64 // 0 = none in particular
	path   string
	query  string
}

const systems = "/api/v4/systems"

var systemPath = regexp.MustCompile("^" + systems + "/([0-9]+)(/|$)")

func newVendor(sims []*sim.Sim) *vendor {
	v := &vendor{sims: sims}
	for _, s := range sims {
		mux := http.NewServeMux()
		s.Cloud.Mount(mux.Handle)
		v.muxs = append(v.muxs, mux)
	}
	return v
}

// ServeHTTP answers with the cloud whose system is asked for. The first one
// keeps the grant; the others know nothing of its tokens, and get one of theirs.
func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := call{at: time.Now(), path: r.URL.Path, query: r.URL.RawQuery}
	if part := systemPath.FindStringSubmatch(r.URL.Path); part != nil {
		c.system, _ = strconv.ParseInt(part[1], 10, 64)
	}
	v.mu.Lock()
	v.calls = append(v.calls, c)
	v.mu.Unlock()
	if r.URL.Path == systems {
		v.list(w, r)
		return
	}
	for i, s := range v.sims {
		if s.Cloud.System() == c.system {
			v.forward(i, w, r)
			return
		}
	}
	v.muxs[0].ServeHTTP(w, r)
}

// forward asks one of the clouds.
func (v *vendor) forward(i int, w http.ResponseWriter, r *http.Request) {
	if access, ok := v.sims[i].Cloud.Grant()["access_token"].(string); ok && i > 0 {
		r.Header.Set("Authorization", "Bearer "+access)
	}
	v.muxs[i].ServeHTTP(w, r)
}

// list joins the systems of all.
func (v *vendor) list(w http.ResponseWriter, r *http.Request) {
	var all []any
	for i := range v.sims {
		rec := httptest.NewRecorder()
		v.forward(i, rec, r.Clone(r.Context()))
		var one struct{ Systems []any }
		if rec.Code != http.StatusOK || json.Unmarshal(rec.Body.Bytes(), &one) != nil {
			http.Error(w, rec.Body.String(), rec.Code)
			return
		}
		all = append(all, one.Systems...)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"total": len(all), "items": "systems", "systems": all})
}

// of counts the calls for a system whose path ends so.
func (v *vendor) of(system int64, end string) (n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range v.calls {
		if c.system == system && strings.HasSuffix(c.path, end) {
			n++
		}
	}
	return n
}

// series counts the calls for intervals, and how many of them were repeated.
func (v *vendor) series() (n, twice int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	asked := map[string]bool{}
	for _, c := range v.calls {
		if !strings.Contains(c.query, "granularity=") {
			continue
		}
		n++
		if asked[c.path+c.query] {
			twice++
		}
		asked[c.path+c.query] = true
	}
	return n, twice
}

// busiest is how many calls of any kind came within a minute.
func (v *vendor) busiest() (most int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range v.calls {
		n := 0
		for _, c := range v.calls[i:] {
			if c.at.Sub(v.calls[i].at) < time.Minute {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// total is how many calls came in all.
func (v *vendor) total() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.calls)
}
