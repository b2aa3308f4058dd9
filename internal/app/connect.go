package app

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"envoyd/internal/cloud/enlighten"
	"envoyd/internal/cloud/grant"
	"envoyd/internal/fault"
	"envoyd/internal/web"
)

// ConnectOptions is what the command line gives.
type ConnectOptions struct {
	App     string `json:"app,omitempty"`     // developer or partner; "" = the configured one
	Browser bool   `json:"browser,omitempty"` // the owner's browser comes back by itself
}

// ConsentPage is where the owner says yes.
type ConsentPage struct {
	URL    string    `json:"url"`
	Listen string    `json:"listen,omitempty"` // where the browser comes back to, host:port
	Until  time.Time `json:"until,omitzero"`   // when that way is shut
}

// CloudSystem is a home as the cloud calls it.
type CloudSystem struct {
	ID       int64    `json:"id"`
	Name     string   `json:"name"`
	Gateways []string `json:"gateways,omitempty"` // serials
}

// Connected is what a connection ended with.
type Connected struct {
	System CloudSystem   `json:"system"` // the one that is read
	All    []CloudSystem `json:"all"`    // what the access covers; without their gateways
}

// Owner is the person at the command.
type Owner interface {
	// Open shows the address to open.
	Open(ctx context.Context, page ConsentPage) error
	// Code asks for what the consent showed.
	Code(ctx context.Context) (string, error)
	// Confirm asks whether a system without the gateway is the right one.
	Confirm(ctx context.Context, s CloudSystem, here []string) (bool, error)
}

var errNoApplication = &fault.Error{Kind: fault.Config, Op: "connecting to the Enlighten cloud",
	Err:  errors.New("no application is configured"),
	Mend: "Register one at developer-v4.enphase.com and set client_id, client_secret_file and api_key_file in cloud.enlighten; the README tells how."}

// connect gets the owner's agreement and keeps what comes of it, if it is for
// this home.
func (a *App) connect(ctx context.Context, opt ConnectOptions, owner Owner) (Connected, error) {
	if a.cloud == nil {
		return Connected{}, errNoApplication
	}
	here := a.serials()
	consent := enlighten.Consent{
		App: cmp.Or(opt.App, a.cfg.Cloud.Enlighten.App), Gateways: here,
		Confirm: func(ctx context.Context, h enlighten.Home) (bool, error) {
			return owner.Confirm(ctx, systemOf(h), here)
		},
	}
	var err error
	switch {
	case consent.App != grant.Partner:
		consent.RedirectURI, consent.Code, err = a.agree(ctx, opt, owner)
	case a.cfg.Cloud.Enlighten.Username == "":
		err = &fault.Error{Kind: fault.Config, Op: "connecting to the Enlighten cloud", Err: errors.New("there is no installer's login"),
			Mend: "Set app: partner, username and password_file in cloud.enlighten."}
	}
	if err != nil {
		return Connected{}, err
	}
	h, err := a.cloud.Connect(ctx, consent)
	if err != nil {
		return Connected{}, err
	}
	return Connected{System: systemOf(h), All: a.covered(ctx, h)}, nil
}

// covered lists the systems of the access; if that fails now, the one in use.
func (a *App) covered(ctx context.Context, h enlighten.Home) []CloudSystem {
	all, err := a.cloud.Systems(ctx)
	if err != nil {
		a.opt.Log.Debug("systems of the cloud access not listed", "error", err)
		all = []enlighten.System{h.System}
	}
	var listed []CloudSystem
	for _, s := range all {
		listed = append(listed, CloudSystem{ID: s.ID, Name: s.Name})
	}
	return listed
}

func systemOf(h enlighten.Home) CloudSystem {
	return CloudSystem{ID: h.ID, Name: h.Name, Gateways: h.Gateways}
}

// agree has the owner say yes and returns the code, with the redirect address
// that it was given for.
func (a *App) agree(ctx context.Context, opt ConnectOptions, owner Owner) (redirect, code string, err error) {
	if opt.Browser {
		return a.agreeAndReturn(ctx, owner)
	}
	redirect, state := a.cloud.Grant().DefaultRedirect(), random()
	if err := owner.Open(ctx, ConsentPage{URL: a.cloud.Grant().AuthorizeURL(redirect, state)}); err != nil {
		return "", "", err
	}
	text, err := owner.Code(ctx)
	if err != nil {
		return "", "", err
	}
	code, err = pasted(text, state)
	return redirect, code, err
}

// agreeAndReturn has the browser bring the code itself.
func (a *App) agreeAndReturn(ctx context.Context, owner Owner) (redirect, code string, err error) {
	base, err := callbackBase(a.cfg.HTTP.Listen)
	if err != nil {
		return "", "", err
	}
	l := a.gate.newLink()
	defer a.gate.shut(l)
	redirect = l.redirect(base)
	page := ConsentPage{URL: a.cloud.Grant().AuthorizeURL(redirect, l.state), Listen: strings.TrimPrefix(base, "http://"), Until: l.until}
	if err := owner.Open(ctx, page); err != nil {
		return "", "", err
	}
	q, err := l.wait(ctx)
	if err != nil {
		return "", "", err
	}
	code, _, err = grant.Redirect(q)
	return redirect, code, err
}

// codeForm is generous: the vendor does not say how a code looks.
var codeForm = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,256}$`)

// pasted makes a code of what a person pasted: the code itself, or the whole
// address of the page that showed it. Only the address can prove by its state
// that it is the answer to this question.
func pasted(text, state string) (string, error) {
	text = strings.TrimSpace(text)
	if u, err := url.Parse(text); err == nil && u.Host != "" && u.RawQuery != "" {
		code, brought, err := grant.Redirect(u.Query())
		if err == nil && brought != "" && !same(brought, state) {
			err = &fault.Error{Kind: fault.Auth, Op: "reading the address", Err: errors.New("it answers another question than the one just asked"),
				Mend: "Open the address that this command printed, and paste where that led."}
		}
		return code, err
	}
	if !codeForm.MatchString(text) {
		return "", &fault.Error{Kind: fault.Auth, Op: "reading the code", Err: errors.New("this is no code"),
			Mend: "Run envoyd connect enlighten again and paste the code that Enphase shows, a few letters and digits."}
	}
	return text, nil
}

// serials are the gateways of this place, as far as they are known.
func (a *App) serials() []string {
	var all []string
	for _, g := range a.cfg.Gateways {
		all = append(all, g.Serial)
	}
	for _, s := range a.allSites() {
		all = append(all, s.cfg.Serial)
	}
	for _, e := range a.state.book.All() {
		if e.Adopted {
			all = append(all, e.Serial)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Connect gets the owner's agreement without a daemon. For a browser that comes
// back by itself the page's address is served meanwhile, with nothing on it.
func (d *Direct) Connect(ctx context.Context, opt ConnectOptions, owner Owner) (Connected, error) {
	if err := d.app.openCloud(); err != nil {
		return Connected{}, err
	}
	if d.app.cloud != nil {
		defer d.app.cloud.Close()
	}
	if opt.Browser && d.app.cfg.HTTP.Listen != "" {
		stop, err := d.serveCallback(ctx)
		if err != nil {
			return Connected{}, err
		}
		defer stop()
	}
	return d.app.connect(ctx, opt, owner)
}

// serveCallback listens where the daemon would, until stop is called.
func (d *Direct) serveCallback(ctx context.Context) (stop func(), err error) {
	a := d.app
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", a.cfg.HTTP.Listen)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Config, Op: "opening a way back for the browser", Err: err,
			Mend: "Stop the program that uses that address, or change http.listen, or run envoyd connect enlighten without -browser."}
	}
	server := web.New(web.Config{Hosts: a.cfg.HTTP.Hosts, Hub: a.hub, Board: a.board, Connect: a.gate.visit, Log: a.opt.Log})
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(ctx, l); err != nil {
			a.opt.Log.Warn("the way back for the browser has ended", "error", err)
		}
	}()
	return func() { cancel(); <-done }, nil
}
