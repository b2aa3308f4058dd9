package gateway

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"envoyd/internal/sim/fault"
	"envoyd/internal/sim/site"
)

// ServeHTTP answers one request the way the gateway's firmware would, unless a
// fault says otherwise.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if strings.HasPrefix(path, "/_sim/") {
		g.control(w, r)
		return
	}
	defer g.begin(r)()
	if g.misbehave(w, r) {
		return
	}
	if r.TLS == nil && g.cfg.Site.Identity().Tokens() {
		host, _, _ := strings.Cut(r.Host, ":")
		g.write(w, r, site.Page{
			Status: http.StatusMovedPermanently, Body: errorPage(http.StatusMovedPermanently),
			Header: http.Header{"Location": {"https://" + host + r.URL.RequestURI()}, "Content-Type": {"text/html"}},
		})
		return
	}
	page, ok := g.admit(w, r)
	if ok {
		g.write(w, r, page)
	}
}

// misbehave plays the faults that replace an answer.
func (g *Gateway) misbehave(w http.ResponseWriter, r *http.Request) bool {
	path := r.URL.Path
	switch {
	case g.faults.Take(fault.Stall, path):
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case g.faults.Take(fault.HTML, path):
		g.write(w, r, site.Page{Body: []byte(startPage), Header: http.Header{"Content-Type": {"text/html"}}})
	case g.faults.Take(fault.Empty, path):
		g.write(w, r, site.Page{})
	case g.faults.TakeNot(fault.Unauthorized, path, "/info", "/info.xml"):
		g.refuse(w, r, http.StatusUnauthorized)
	case g.faults.Take(fault.BadGateway, path):
		g.refuse(w, r, http.StatusBadGateway)
	case g.faults.Take(fault.Unavailable, path):
		g.refuse(w, r, http.StatusServiceUnavailable)
	default:
		return false
	}
	return true
}

// admit checks the login and fetches the page.
func (g *Gateway) admit(w http.ResponseWriter, r *http.Request) (site.Page, bool) {
	path := r.URL.Path
	open := path == "/info" || path == "/info.xml"
	var one *session
	if g.cfg.Site.Identity().Tokens() {
		if path == "/auth/check_jwt" {
			g.checkToken(w, r)
			return site.Page{}, false
		}
		one = g.sessions.of(r, g.cfg.Strict)
		if one == nil && !open {
			g.refuse(w, r, http.StatusUnauthorized)
			return site.Page{}, false
		}
	}
	page, ok := g.fetch(r)
	if !ok {
		return page, false
	}
	if page.Digest {
		if ok, stale := g.digest.check(r); !ok {
			g.askDigest(w, r, stale)
			return site.Page{}, false
		}
	}
	g.sessions.alias(one, page.Header)
	return page, true
}

// fetch asks the site, or the frozen answer, and takes the time it takes.
func (g *Gateway) fetch(r *http.Request) (site.Page, bool) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return site.Page{}, false
	}
	key := r.URL.RequestURI()
	frozen := g.faults.TakeNot(fault.Freeze, r.URL.Path, "/info", "/info.xml")
	g.mu.Lock()
	page, kept := g.frozen[key]
	g.mu.Unlock()
	if !frozen || !kept {
		page = g.cfg.Site.Page(site.Request{Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Body: body})
	}
	if frozen && !kept {
		g.mu.Lock()
		g.frozen[key] = page
		g.mu.Unlock()
	}
	return page, g.wait(r, page.Slow)
}

// wait lets the time pass that the page takes; slow pages go one by one.
func (g *Gateway) wait(r *http.Request, slow bool) bool {
	if g.cfg.Latency <= 0 {
		return true
	}
	pause := g.cfg.Latency
	if slow {
		pause *= 10
		select {
		case g.slow <- struct{}{}:
			defer func() { <-g.slow }()
		case <-r.Context().Done():
			return false
		}
	}
	select {
	case <-time.After(pause):
		return true
	case <-r.Context().Done():
		return false
	}
}

// checkToken is /auth/check_jwt, which opens a session.
func (g *Gateway) checkToken(w http.ResponseWriter, r *http.Request) {
	token, ok := bearer(r)
	if !ok || g.cfg.Accept == nil || g.cfg.Accept(token) != nil || !g.sessions.known(token) {
		g.refuse(w, r, http.StatusUnauthorized)
		return
	}
	id := g.sessions.begin(token)
	g.write(w, r, site.Page{Body: []byte(validPage), Header: http.Header{
		"Content-Type": {"text/html"},
		"Set-Cookie":   {cookieName + "=" + id + "; Path=/; Secure; HttpOnly"},
	}})
}

// askDigest is the 401 of firmware below 7.
func (g *Gateway) askDigest(w http.ResponseWriter, r *http.Request, stale bool) {
	g.write(w, r, site.Page{
		Status: http.StatusUnauthorized,
		Body:   []byte("<html><body><h2>401 Unauthorized</h2></body></html>"),
		Header: http.Header{"Www-Authenticate": {g.digest.challenge(stale)}, "Content-Type": {"text/html"}},
	})
}

// refuse answers with the web server's page of a status.
func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request, status int) {
	g.write(w, r, site.Page{
		Status: status, Body: errorPage(status), Header: http.Header{"Content-Type": {"text/html"}},
	})
}

// write sends a page with the headers of the firmware, or half of it.
func (g *Gateway) write(w http.ResponseWriter, r *http.Request, p site.Page) {
	header := w.Header()
	if !g.cfg.Site.Identity().Tokens() {
		header.Set("Connection", "close")
	}
	if _, recorded := p.Header["Date"]; !recorded {
		g.addServerHeaders(header)
	}
	header["Content-Type"] = nil // Go would guess one; gateways often send none
	for name, values := range p.Header {
		header[name] = values
	}
	if !p.Chunked {
		header.Set("Content-Length", strconv.Itoa(len(p.Body)))
	}
	if p.Status != 0 {
		w.WriteHeader(p.Status)
	}
	if r.Method == http.MethodHead {
		return
	}
	if g.faults.Take(fault.Cut, r.URL.Path) {
		w.Write(p.Body[:len(p.Body)/2])       //nolint:errcheck // it is to be broken off anyway
		http.NewResponseController(w).Flush() //nolint:errcheck // as above
		panic(http.ErrAbortHandler)
	}
	if p.Chunked {
		http.NewResponseController(w).Flush() //nolint:errcheck // the next write says it too
	}
	if _, err := w.Write(p.Body); err != nil {
		g.log.Debug("client went away", "path", r.URL.Path, "error", err)
	}
}

// addServerHeaders adds what the front end adds to everything.
func (g *Gateway) addServerHeaders(h http.Header) {
	if !g.cfg.Site.Identity().Tokens() {
		return
	}
	h.Set("Server", serverName)
	h.Set("Connection", "keep-alive")
	h.Set("Strict-Transport-Security", "max-age=63072000; includeSubdomains")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Content-Type-Options", "nosniff")
}
