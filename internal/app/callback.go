package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"envoyd/internal/fault"
	"envoyd/internal/web"
)

const (
	callbackPath = "/connect/callback"
	linkLife     = 10 * time.Minute
	linkBytes    = 16 // 128 bits: nobody guesses one in ten minutes, or ever
)

var errNobodyCame = &fault.Error{Kind: fault.Auth, Op: "waiting for the owner's browser",
	Err: errors.New("it did not come back within ten minutes"), Mend: "Run envoyd connect enlighten again; without -browser the code is pasted instead."}

// gate lets the owner's browser back in from the consent. It is shut but for
// one link at a time, which a command has opened.
type gate struct {
	life time.Duration // of a link; 0 = linkLife
	mu   sync.Mutex
	open *link
}

// link is one way back: good once, for ten minutes, with its own state.
type link struct {
	id, state string
	until     time.Time
	brought   chan url.Values
}

// newLink opens the gate; a link that was open before is no more.
func (g *gate) newLink() *link {
	l := &link{id: random(), state: random(), until: time.Now().Add(cmp.Or(g.life, linkLife)), brought: make(chan url.Values, 1)}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = l
	return l
}

// shut ends a link whose command goes away.
func (g *gate) shut(l *link) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open == l {
		g.open = nil
	}
}

// visit takes what a browser brings. Who has the link but not the state does
// not come from the consent that the command sent the owner to; that leaves
// the link open, for it cannot be guessed and the owner is on the way.
func (g *gate) visit(q url.Values) web.Visit {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.open
	if l == nil || !time.Now().Before(l.until) || !same(q.Get("link"), l.id) || !same(q.Get("state"), l.state) {
		return web.Closed
	}
	g.open = nil
	l.brought <- q
	if q.Has("error") || q.Get("code") == "" {
		return web.Denied
	}
	return web.Taken
}

// wait returns what the browser brings.
func (l *link) wait(ctx context.Context) (url.Values, error) {
	late := time.NewTimer(time.Until(l.until))
	defer late.Stop()
	select {
	case q := <-l.brought:
		return q, nil
	case <-late.C:
		return nil, errNobodyCame
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// redirect is where the consent sends the browser.
func (l *link) redirect(base string) string {
	return base + callbackPath + "?" + url.Values{"link": {l.id}}.Encode()
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func random() string {
	b := make([]byte, linkBytes)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// callbackBase is how a browser on this computer, or at the other end of an ssh
// tunnel, reaches the page that listens there.
func callbackBase(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", &fault.Error{Kind: fault.Config, Op: "opening a way back for the browser", Err: errors.New("the page is switched off"),
			Mend: "Set http.listen, or run envoyd connect enlighten without -browser and paste the code."}
	}
	if ip, err := netip.ParseAddr(host); host == "" || host == "localhost" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port), nil
}
