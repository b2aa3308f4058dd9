package entrez

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/PuerkitoBio/goquery"

	"envoyd/internal/token"
)

const logoutLimit = 5 * time.Second

// viaWebForm is way B: Entrez's own pages, made for people. Statuses and
// cookies say nothing there; only what the page shows counts.
func (a *attempt) viaWebForm(ctx context.Context) (token.Token, *failure) {
	choose, f := a.webLogin(ctx)
	if f != nil {
		return token.Token{}, f
	}
	defer a.logOut(ctx)
	form, f := withCSRF(choose, url.Values{"serialNum": {a.serial}})
	if f != nil {
		return token.Token{}, f
	}
	p, f := a.postForm(ctx, a.entrez, "/entrez_tokens", form)
	if f != nil {
		return token.Token{}, f
	}
	if f := p.common(); f != nil {
		return token.Token{}, f
	}
	if p.status != http.StatusOK {
		return token.Token{}, fail(ErrUpstream, "answer %d of %s to the request for the token", p.status, p.host)
	}
	text, f := tokenText(p)
	if f != nil {
		return token.Token{}, f
	}
	return a.readToken(text, p.host, "web")
}

// webLogin fills the login form and returns the page on which a gateway is
// chosen.
func (a *attempt) webLogin(ctx context.Context) (*goquery.Document, *failure) {
	form := url.Values{
		"username": {a.login.Email},
		"password": {a.login.Password.Reveal()},
		"authFlow": {"entrezSession"},
	}
	p, f := a.get(ctx, a.entrez, "/login_main_page", nil)
	if f != nil {
		return nil, f
	}
	if f := p.common(); f != nil {
		return nil, f
	}
	if p.status == http.StatusOK && p.looksLikePage() {
		doc, f := parse(p)
		if f != nil {
			return nil, f
		}
		if form, f = withCSRF(doc, form); f != nil {
			return nil, f
		}
	}
	if p, f = a.postForm(ctx, a.entrez, "/login", form); f != nil {
		return nil, f
	}
	if f := p.common(); f != nil {
		return nil, a.countIf(f.is(ErrTooManySessions), f)
	}
	return a.judgeWebLogin(p)
}

func (a *attempt) judgeWebLogin(p page) (*goquery.Document, *failure) {
	location := strings.ToLower(p.header.Get("Location"))
	switch {
	case p.status == http.StatusUnauthorized,
		p.status/100 == 3 && strings.Contains(location, "login") && strings.Contains(location, "error"):
		a.answers++
		return nil, fail(ErrBadCredentials, "answer %d of %s", p.status, p.host)
	case p.status != http.StatusOK:
		return nil, fail(ErrUpstream, "answer %d of %s to the login form", p.status, p.host)
	}
	doc, f := parse(p)
	if f != nil {
		return nil, f
	}
	a.answers++
	return doc, judgeLoginPage(doc, p.host)
}

// logOut is a courtesy: accounts have a limit of active sessions.
func (a *attempt) logOut(ctx context.Context) {
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), logoutLimit)
	defer cancel()
	if _, f := a.postForm(limited, a.entrez, "/logout", url.Values{}); f != nil {
		a.log.Debug("log out failed", "reason", f.detail)
	}
}
