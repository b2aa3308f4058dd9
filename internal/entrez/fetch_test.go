package entrez_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"envoyd/internal/entrez"
	"envoyd/internal/fault"
	"envoyd/internal/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	html = func(status int) http.HandlerFunc {
		return answer(status, "text/html", "<html><head><title>Maintenance</title></head><body>back soon</body></html>")
	}
	tooMany  = answer(200, "application/json", `{"message":"You have Too many active sessions"}`)
	refused  = answer(403, "application/json", `{"message":"no"}`)
	mfaNonce = func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "login_otp_nonce", Value: "nonce", Path: "/"})
		answer(200, "application/json", `{"success":true,"isBlocked":false}`)(w, r)
	}
)

type outcome struct {
	name    string
	pages   map[string]http.HandlerFunc
	err     error // sentinel; nil = a token
	kind    fault.Kind
	after   time.Duration // at least
	method  string
	logins  int // posts of the password
	answers int // of them with a definite answer
}

// down is way B that does not work either.
func down(pages map[string]http.HandlerFunc) map[string]http.HandlerFunc {
	pages["/login_main_page"] = html(503)
	return pages
}

// only changes the answer of /tokens and leaves A′ without a token.
func only(tokens http.HandlerFunc) map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{"/tokens": tokens, "/entrez-auth-token": answer(200, "text/plain", "Please sign in")}
}

func loginAnswers(page http.HandlerFunc) map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{"/login/login.json": page}
}

// webOnly makes way A fail without an answer and B's pages as given.
func webOnly(pages map[string]http.HandlerFunc) map[string]http.HandlerFunc {
	pages["/login/login.json"] = html(502)
	return pages
}

func outcomesOfLogin() []outcome {
	return []outcome{
		{name: "a token by way A", method: "tokens", logins: 1},
		{name: "wrong password stops", pages: loginAnswers(answer(401, "text/html", "<html>")),
			err: entrez.ErrBadCredentials, kind: fault.Auth, logins: 1, answers: 1},
		{name: "one-time code by cookie stops", pages: loginAnswers(mfaNonce),
			err: entrez.ErrMFARequired, kind: fault.Auth, logins: 1, answers: 1},
		{name: "one-time code by requires_mfa stops", pages: loginAnswers(answer(200, "application/json", `{"requires_mfa":true}`)),
			err: entrez.ErrMFARequired, kind: fault.Auth, logins: 1, answers: 1},
		{name: "one-time code by mfa_required text stops", pages: loginAnswers(answer(200, "application/json", `{"mfa_required":"true"}`)),
			err: entrez.ErrMFARequired, kind: fault.Auth, logins: 1, answers: 1},
		{name: "blocked stops", pages: loginAnswers(answer(200, "application/json", `{"success":true,"isBlocked":true}`)),
			err: entrez.ErrBlocked, kind: fault.Auth, after: 24 * time.Hour, logins: 1, answers: 1},
		{name: "blocked stops even with a session", pages: loginAnswers(answer(200, "application/json", `{"session_id":"`+session+`","isBlocked":true}`)),
			err: entrez.ErrBlocked, kind: fault.Auth, logins: 1, answers: 1},
		{name: "too many sessions waits a day", pages: loginAnswers(tooMany),
			err: entrez.ErrTooManySessions, after: 24 * time.Hour, logins: 1, answers: 1},
		{name: "too many sessions in a 500 waits a day", pages: loginAnswers(answer(500, "text/html", "<p>too many active sessions</p>")),
			err: entrez.ErrTooManySessions, after: 24 * time.Hour, logins: 1, answers: 1},
		{name: "429 waits a quarter of an hour", pages: loginAnswers(answer(429, "text/html", "")),
			err: entrez.ErrThrottled, after: 15 * time.Minute, logins: 1},
		{name: "406 is tried again as a browser", pages: loginAnswers(inTurn(answer(406, "text/html", ""), loggedIn)), method: "tokens", logins: 2},
		{name: "200 and a page is tried again as a browser", pages: loginAnswers(inTurn(html(200), loggedIn)), method: "tokens", logins: 2},
		{name: "a redirect to the site is not followed", method: "web", logins: 3,
			pages: loginAnswers(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) })},
		{name: "406 twice leads to way B", pages: loginAnswers(answer(406, "text/html", "")), method: "web", logins: 3},
		{name: "an outage leads to way B", pages: loginAnswers(html(503)), method: "web", logins: 2},
		{name: "an outage of both is transient", pages: down(loginAnswers(html(502))), err: entrez.ErrUpstream, logins: 1},
		{name: "JSON without a session is a changed page", pages: down(loginAnswers(answer(200, "application/json", `{"hello":1}`))),
			err: entrez.ErrLayoutChanged, after: 24 * time.Hour, logins: 1, answers: 1},
		{name: "a session id that does not fit a header is none", err: entrez.ErrLayoutChanged, logins: 1, answers: 1,
			pages: down(loginAnswers(answer(200, "application/json", `{"message":"ok","session_id":"abcdefgh; evil=1"}`)))},
	}
}

func outcomesOfToken() []outcome {
	young := inTurn(refused, answer(200, "text/plain", jwt(serial, "owner", year)))
	return []outcome{
		{name: "a young session is shown again", pages: only(young), method: "tokens", logins: 1},
		{name: "401 then way A'", pages: map[string]http.HandlerFunc{"/tokens": answer(401, "text/html", "")}, method: "entrez-auth-token", logins: 1},
		{name: "406 then way A'", pages: map[string]http.HandlerFunc{"/tokens": answer(406, "text/html", "")}, method: "entrez-auth-token", logins: 1},
		{name: "403 then way B", pages: only(refused), method: "web", logins: 2},
		{name: "403 and nothing in B is not permitted", pages: down(only(refused)),
			err: entrez.ErrGatewayNotPermitted, kind: fault.Config, after: 24 * time.Hour, logins: 1, answers: 1},
		{name: "200 and HTML instead of a token", pages: down(map[string]http.HandlerFunc{"/tokens": html(200), "/entrez-auth-token": html(200)}),
			err: entrez.ErrUpstream, logins: 1, answers: 1},
		{name: "200 and a message instead of a token", pages: down(only(answer(200, "text/plain", "No such gateway"))),
			err: entrez.ErrGatewayNotPermitted, kind: fault.Config, logins: 1, answers: 1},
		{name: "quoted token with 201", pages: only(answer(201, "application/json", `"`+jwt(serial, "owner", year)+`"`)), method: "tokens", logins: 1},
		{name: "token in an object", pages: only(answer(200, "application/json", `{"token":"`+jwt(serial, "owner", year)+`"}`)), method: "tokens", logins: 1},
		{name: "token for another gateway", pages: down(only(answer(200, "text/plain", jwt("122333444999", "owner", year)))),
			err: entrez.ErrGatewayNotPermitted, kind: fault.Config, logins: 1, answers: 1},
		{name: "uncommissioned token", pages: down(only(answer(200, "text/plain", jwt("un-commissioned", "owner", year)))),
			err: entrez.ErrGatewayNotPermitted, kind: fault.Config, logins: 1, answers: 1},
		{name: "429 of /tokens ends the attempt", pages: only(answer(429, "text/plain", "")), err: entrez.ErrThrottled,
			after: 15 * time.Minute, logins: 1, answers: 1},
		{name: "an answer without end is cut", pages: down(only(endless)), err: entrez.ErrUpstream, logins: 1, answers: 1},
	}
}

func outcomesOfWebForm() []outcome {
	web := func(path string, page http.HandlerFunc) map[string]http.HandlerFunc {
		return webOnly(map[string]http.HandlerFunc{path: page})
	}
	return []outcome{
		{name: "B gives a token", pages: webOnly(map[string]http.HandlerFunc{}), method: "web", logins: 2},
		{name: "B: 200 and the login page is a wrong password", pages: web("/login", answer(200, "text/html", loginPage("Wrong username or password"))),
			err: entrez.ErrBadCredentials, kind: fault.Auth, logins: 2, answers: 1},
		{name: "B: 401 is a wrong password", pages: web("/login", answer(401, "text/html", "")),
			err: entrez.ErrBadCredentials, kind: fault.Auth, logins: 2, answers: 1},
		{name: "B: a redirect to the login's error is a wrong password", err: entrez.ErrBadCredentials, kind: fault.Auth, logins: 2, answers: 1,
			pages: web("/login", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login?error", http.StatusFound) })},
		{name: "B: login page without a word is a changed page", pages: web("/login", answer(200, "text/html", loginPage(""))),
			err: entrez.ErrLayoutChanged, after: 24 * time.Hour, logins: 2, answers: 1},
		{name: "B: account locked", pages: web("/login", answer(200, "text/html", loginPage("Your account is locked"))),
			err: entrez.ErrBlocked, kind: fault.Auth, logins: 2, answers: 1},
		{name: "B: a code is asked for", err: entrez.ErrMFARequired, kind: fault.Auth, logins: 2, answers: 1,
			pages: web("/login", answer(200, "text/html", `<title>Verify</title><input name="loginOtp">`))},
		{name: "B: an unknown page", pages: web("/login", answer(200, "text/html", "<title>News</title>"+email)),
			err: entrez.ErrLayoutChanged, logins: 2, answers: 1},
		{name: "B: textarea that starts with Error", pages: web("/entrez_tokens", answer(200, "text/html", tokenPage("Error: gateway not found"))),
			err: entrez.ErrGatewayNotPermitted, kind: fault.Config, logins: 2, answers: 1},
		{name: "B: no textarea", pages: web("/entrez_tokens", answer(200, "text/html", "<title>Token</title>")),
			err: entrez.ErrLayoutChanged, logins: 2, answers: 1},
		{name: "B: two textareas", err: entrez.ErrLayoutChanged, logins: 2, answers: 1,
			pages: web("/entrez_tokens", answer(200, "text/html", tokenPage(jwt(serial, "owner", year))+tokenPage(jwt(serial, "owner", year))))},
		{name: "B: the login page again is a lost session", pages: web("/entrez_tokens", answer(200, "text/html", loginPage(""))),
			err: entrez.ErrUpstream, logins: 2, answers: 1},
		{name: "B: token for another gateway", pages: web("/entrez_tokens", answer(200, "text/html", tokenPage(jwt("122333444999", "owner", year)))),
			err: entrez.ErrGatewayNotPermitted, kind: fault.Config, logins: 2, answers: 1},
		{name: "B: textarea without the id", method: "web", logins: 2,
			pages: web("/entrez_tokens", answer(200, "text/html", "<textarea>hello</textarea><textarea>"+jwt(serial, "owner", year)+"</textarea>"))},
		{name: "B: too many sessions", pages: web("/login", answer(200, "text/html", "<p>Too many active sessions</p>")),
			err: entrez.ErrTooManySessions, logins: 2, answers: 1},
	}
}

func endless(w http.ResponseWriter, _ *http.Request) {
	for range 40 {
		_, _ = w.Write(make([]byte, 64<<10))
	}
}

func TestFetch(t *testing.T) {
	all := append(append(outcomesOfLogin(), outcomesOfToken()...), outcomesOfWebForm()...)
	for _, o := range all {
		t.Run(o.name, func(t *testing.T) {
			f := newFake(t)
			for path, page := range o.pages {
				f.pages[path] = page
			}
			c, log := f.client(t)
			got, err := c.Fetch(t.Context(), login, serial)
			o.check(t, got, err)
			if n := f.logins(); n != o.logins {
				t.Errorf("%d logins, want %d: %v", n, o.logins, f.visits)
			}
			if f.count("/elsewhere") != 0 {
				t.Error("a redirect was followed")
			}
			words := log.String()
			if err != nil {
				words += err.Error() + fault.Mend(err)
			}
			if leaked := secretsIn(words); leaked != nil {
				t.Errorf("%q in %s", leaked, words)
			}
		})
	}
}

func (o outcome) check(t *testing.T, got token.Token, err error) {
	t.Helper()
	if o.err == nil {
		if err != nil || got.Serial != serial || got.Method != o.method || got.ObtainedAt.IsZero() {
			t.Fatalf("token %+v, error %v; want one by %q", got, err, o.method)
		}
		return
	}
	if !errors.Is(err, o.err) || !fault.Is(err, o.kind) {
		t.Fatalf("error %v of kind %v, want %v of kind %v", err, fault.KindOf(err), o.err, o.kind)
	}
	if fault.After(err) < o.after {
		t.Errorf("pause of %v, want %v", fault.After(err), o.after)
	}
	if fault.Mend(err) == "" {
		t.Error("no word about what to do")
	}
	a, ok := errors.AsType[interface {
		error
		LoginAnswers() int
	}](err)
	if !ok || a.LoginAnswers() != o.answers {
		t.Errorf("the error counts other than %d answers: %v", o.answers, a)
	}
}

func TestFetchEndsWithItsContext(t *testing.T) {
	f := newFake(t)
	release := make(chan struct{})
	f.pages["/login/login.json"] = func(http.ResponseWriter, *http.Request) { <-release }
	defer close(release)
	c, _ := f.client(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err := c.Fetch(ctx, login, serial)
	if !errors.Is(err, entrez.ErrUnreachable) || f.logins() != 1 {
		t.Errorf("error %v after %d logins, want one interrupted login", err, f.logins())
	}
}
