package gateway

import (
	"maps"
	"net/http"
)

// Traffic is what a gateway was asked since its start, /_sim left out.
type Traffic struct {
	Requests    map[string]int // by path, or by "METHOD path" when the method is not GET
	Connections int            // that were made
	Together    int            // most requests that were in flight at once
	Credentials int            // requests that carried a login: Authorization or a cookie

	inFlight int
}

// Traffic tells what was asked so far.
func (g *Gateway) Traffic() Traffic {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.traffic
	t.Requests = maps.Clone(t.Requests)
	return t
}

// Requests counts the requests for a path; see Traffic for other methods.
func (g *Gateway) Requests(path string) int { return g.Traffic().Requests[path] }

// begin counts a request; the returned function ends it.
func (g *Gateway) begin(r *http.Request) (end func()) {
	name := r.URL.Path
	if r.Method != http.MethodGet {
		name = r.Method + " " + name
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.traffic.Requests[name]++
	g.traffic.inFlight++
	g.traffic.Together = max(g.traffic.Together, g.traffic.inFlight)
	if r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" {
		g.traffic.Credentials++
	}
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.traffic.inFlight--
	}
}

// connected counts a connection.
func (g *Gateway) connected() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.traffic.Connections++
}
