package entrez

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

const maxCodes = 3 // codes that a person may type in one login

// oneTimeCode finishes a login that Enphase has answered with a code by
// e-mail. It needs a person, so it never happens in the daemon's own loop.
func (a *attempt) oneTimeCode(ctx context.Context) (string, *failure) {
	if a.login.OTP == nil {
		return "", fail(ErrMFARequired, "answer of %s", a.enlighten.Name())
	}
	last := fail(ErrBadCode, "no code was typed")
	for range maxCodes {
		code, err := a.login.OTP(ctx)
		if err != nil {
			return "", fail(ErrMFARequired, "no code was typed")
		}
		code = strings.TrimSpace(code)
		if code == "" {
			if f := a.resend(ctx); f != nil {
				return "", f
			}
			continue
		}
		session, f := a.sendCode(ctx, code)
		if f == nil {
			return session, nil
		}
		if !f.is(ErrBadCode) {
			return "", f
		}
		last = f
	}
	return "", last
}

func (a *attempt) resend(ctx context.Context) *failure {
	p, f := a.postForm(ctx, a.enlighten, "/app-api/generate_mfa_login_otp", url.Values{"locale": {"en"}})
	if f != nil {
		return f
	}
	if f := p.common(); f != nil {
		return f
	}
	if p.status/100 != 2 {
		return fail(ErrUpstream, "%s does not send another code (%d)", p.host, p.status)
	}
	return nil
}

func (a *attempt) sendCode(ctx context.Context, code string) (string, *failure) {
	encode := base64.StdEncoding.EncodeToString
	p, f := a.postForm(ctx, a.enlighten, "/app-api/validate_login_otp", url.Values{
		"email":                      {encode([]byte(a.login.Email))},
		"otp":                        {encode([]byte(code))},
		"xhrFields[withCredentials]": {"true"},
	})
	if f != nil {
		return "", f
	}
	if f := p.common(); f != nil {
		return "", f
	}
	return a.judgeCode(p)
}

func (a *attempt) judgeCode(p page) (string, *failure) {
	var l loginAnswer
	switch p.status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity:
		a.answers++
		return "", fail(ErrBadCode, "answer %d of %s", p.status, p.host)
	case http.StatusUnauthorized, http.StatusForbidden:
		return "", fail(ErrUpstream, "%s has forgotten the login that the code was for", p.host)
	}
	if p.status/100 != 2 || json.Unmarshal(p.body, &l) != nil {
		return "", fail(ErrLayoutChanged, "%s answered the code in a form unknown to us (%d)", p.host, p.status)
	}
	a.answers++
	if isTrue(l.Blocked) {
		return "", fail(ErrBlocked, "answer of %s", p.host)
	}
	if session, ok := l.session(); ok {
		return session, nil
	}
	if session := a.cookie("_enlighten_4_session"); isTrue(l.Valid) && sessionShape.MatchString(session) {
		return session, nil
	}
	return "", fail(ErrBadCode, "answer of %s", p.host)
}
