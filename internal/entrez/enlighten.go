package entrez

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"envoyd/internal/token"
)

// sessionShape keeps a session id from carrying anything else into a header.
var sessionShape = regexp.MustCompile(`^[0-9A-Za-z_%+/=.-]{8,1000}$`)

// viaEnlighten is ways A and A′: one login, two places that give the token.
func (a *attempt) viaEnlighten(ctx context.Context) (token.Token, *failure) {
	session, f := a.signIn(ctx)
	if f != nil {
		return token.Token{}, f
	}
	t, first := a.exchange(ctx, session)
	if first == nil || first.concernsAccount() || ctx.Err() != nil {
		return t, first
	}
	t, second := a.authToken(ctx)
	if second == nil || second.concernsAccount() || second.outweighs(first) {
		return t, second
	}
	return token.Token{}, first
}

// signIn logs in to Enlighten, a second time with a browser's headers if the
// first answer shows that ours were not liked, and returns the session id.
func (a *attempt) signIn(ctx context.Context) (string, *failure) {
	p, f := a.postLogin(ctx)
	if f != nil {
		return "", f
	}
	if f := p.common(); f != nil {
		return "", a.countIf(f.is(ErrTooManySessions), f)
	}
	if p.isWall() {
		a.browser = true
		if p, f = a.postLogin(ctx); f != nil {
			return "", f
		}
		if f := p.common(); f != nil {
			return "", a.countIf(f.is(ErrTooManySessions), f)
		}
	}
	return a.judgeLogin(ctx, p)
}

// isWall reports whether the answer to a login is meant for a browser: refused,
// sent elsewhere, or a page to look at.
func (p page) isWall() bool {
	return p.status == http.StatusNotAcceptable || p.status/100 == 3 ||
		p.status != http.StatusUnauthorized && p.looksLikePage()
}

func (a *attempt) postLogin(ctx context.Context) (page, *failure) {
	return a.postForm(ctx, a.enlighten, "/login/login.json", url.Values{
		"user[email]":    {a.login.Email},
		"user[password]": {a.login.Password.Reveal()},
	})
}

func (a *attempt) countIf(definite bool, f *failure) *failure {
	if definite {
		a.answers++
	}
	return f
}

// loginAnswer is what login.json and the one-time code page answer. Types have
// been seen to vary, so nothing is demanded of them.
type loginAnswer struct {
	Session     any `json:"session_id"`
	Message     any `json:"message"`
	Success     any `json:"success"`
	Blocked     any `json:"isBlocked"`
	RequiresMFA any `json:"requires_mfa"`
	MFARequired any `json:"mfa_required"`
	Valid       any `json:"isValid"`
}

func isTrue(v any) bool {
	s, isText := v.(string)
	return v == true || isText && strings.EqualFold(s, "true")
}

func (l loginAnswer) session() (string, bool) {
	s, ok := l.Session.(string)
	return s, ok && sessionShape.MatchString(s)
}

func (a *attempt) judgeLogin(ctx context.Context, p page) (string, *failure) {
	var l loginAnswer
	switch {
	case p.status == http.StatusUnauthorized:
		a.answers++
		return "", fail(ErrBadCredentials, "answer 401 of %s", p.host)
	case p.isWall():
		return "", fail(ErrUpstream, "%s answered the login with a page for people (%d)", p.host, p.status)
	case p.status/100 != 2 || json.Unmarshal(p.body, &l) != nil:
		return "", fail(ErrLayoutChanged, "%s answered the login in a form unknown to us (%d)", p.host, p.status)
	}
	a.answers++
	if isTrue(l.Blocked) {
		return "", fail(ErrBlocked, "answer of %s", p.host)
	}
	if session, ok := l.session(); ok {
		return session, nil
	}
	if isTrue(l.RequiresMFA) || isTrue(l.MFARequired) || isTrue(l.Success) || a.cookie("login_otp_nonce") != "" {
		return a.oneTimeCode(ctx)
	}
	if session := a.cookie("_enlighten_4_session"); l.Message == "success" && sessionShape.MatchString(session) {
		return session, nil
	}
	return "", fail(ErrLayoutChanged, "the login's answer of %s has no session", p.host)
}

// cookie returns the value of an Enlighten cookie, "" without one.
func (a *attempt) cookie(name string) string {
	for _, c := range a.http.Jar.Cookies(a.enlighten.URL("/")) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// exchange gives the session to Entrez's /tokens (way A).
func (a *attempt) exchange(ctx context.Context, session string) (token.Token, *failure) {
	if a.cookie("_enlighten_4_session") == "" {
		home := a.enlighten.URL("/")
		a.http.Jar.SetCookies(home, []*http.Cookie{{ //nolint:gosec // Secure wherever the service is
			Name: "_enlighten_4_session", Value: session, Path: "/",
			HttpOnly: true, Secure: home.Scheme == "https", SameSite: http.SameSiteLaxMode,
		}})
	}
	body, err := json.Marshal(map[string]string{"session_id": session, "serial_num": a.serial, "username": a.login.Email})
	if err != nil {
		return token.Token{}, fail(ErrUpstream, "the request for the token cannot be written")
	}
	ask := func() (page, *failure) {
		return a.post(ctx, a.entrez, "/tokens", "application/json", body)
	}
	p, f := ask()
	if f == nil && (p.status == http.StatusUnauthorized || p.status == http.StatusForbidden) {
		if a.pause(ctx) != nil {
			return token.Token{}, fail(ErrUpstream, "asking %s was interrupted", p.host)
		}
		p, f = ask()
	}
	if f != nil {
		return token.Token{}, f
	}
	return a.judgeToken(p, "tokens")
}

// authToken asks the page that shows a token as JSON (way A′).
func (a *attempt) authToken(ctx context.Context) (token.Token, *failure) {
	p, f := a.get(ctx, a.enlighten, "/entrez-auth-token", url.Values{"serial_num": {a.serial}})
	if f != nil {
		return token.Token{}, f
	}
	if p.status == http.StatusOK && !strings.HasPrefix(p.text(), "{") {
		return token.Token{}, fail(ErrUpstream, "%s asks to sign in again", p.host)
	}
	return a.judgeToken(p, "entrez-auth-token")
}

// judgeToken reads an answer that should be a token, bare, quoted or in JSON.
func (a *attempt) judgeToken(p page, method string) (token.Token, *failure) {
	if f := p.common(); f != nil {
		return token.Token{}, f
	}
	switch {
	case p.status == http.StatusUnauthorized:
		return token.Token{}, fail(ErrUpstream, "%s does not accept the session it has just given", p.host)
	case p.status == http.StatusNotAcceptable || p.status/100 == 3:
		return token.Token{}, fail(ErrUpstream, "answer %d of %s", p.status, p.host)
	case p.status/100 == 4:
		return token.Token{}, fail(ErrGatewayNotPermitted, "answer %d of %s", p.status, p.host)
	case p.looksLikePage():
		return token.Token{}, fail(ErrUpstream, "%s answered with a page instead of a token", p.host)
	}
	return a.readToken(p.text(), p.host, method)
}

func (a *attempt) readToken(text, host, method string) (token.Token, *failure) {
	t, err := token.Pasted(text)
	switch {
	case err != nil:
		return token.Token{}, fail(ErrGatewayNotPermitted, "%s answered something else than a token", host)
	case t.Serial != a.serial:
		return token.Token{}, fail(ErrGatewayNotPermitted, "%s answered with a token for gateway %s", host, t.Serial)
	}
	t.Method = method
	return t, nil
}
