package cloud_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"envoyd/internal/sim/cloud"
	"envoyd/internal/sim/home"
)

func (u *user) question(more url.Values) url.Values {
	values := url.Values{"response_type": {"code"}, "client_id": {u.cloud.Client()}, "redirect_uri": {back}, "state": {"a&b<"}}
	for name, v := range more {
		values[name] = v
	}
	return values
}

// consent walks the pages and returns where it led.
func (u *user) consent(decision string) url.Values {
	u.t.Helper()
	r := httptest.NewRequestWithContext(u.t.Context(), http.MethodGet, "/oauth/authorize?"+u.question(nil).Encode(), http.NoBody)
	w, _ := u.send(r)
	if text := w.Body.String(); w.Code != 200 || !strings.Contains(text, `name="password"`) || !strings.Contains(text, `value="a&amp;b&lt;"`) {
		u.t.Fatalf("login page: %d %s", w.Code, text)
	}
	if text := u.form("/oauth/authorize", u.question(url.Values{"email": {email}, "password": {"guess"}})).Body.String(); !strings.Contains(text, "Wrong") {
		u.t.Errorf("a wrong password was taken: %s", text)
	}
	if text := u.form("/oauth/authorize", u.question(url.Values{"email": {email}, "password": {password}})).Body.String(); !strings.Contains(text, `id="approve"`) {
		u.t.Fatalf("no question: %s", text)
	}
	w = u.form("/oauth/authorize", u.question(url.Values{"decision": {decision}}))
	to, err := url.Parse(w.Header().Get("Location"))
	if err != nil || w.Code != http.StatusFound || !strings.HasPrefix(to.String(), back+"?") || to.Query().Get("state") != "a&b<" {
		u.t.Fatalf("sent to %s %v", to, err)
	}
	return to.Query()
}

func TestConsentGivesACodeThatIsGoodOnce(t *testing.T) {
	at(t, noon(), cloud.Config{}, home.Config{}, func(u *user) {
		code := u.consent("approve").Get("code")
		if len(code) != 6 {
			t.Errorf("code %q", code)
		}
		other := u.consent("approve").Get("code")
		if status, doc := u.tokens(url.Values{"grant_type": {"authorization_code"}, "code": {other}, "redirect_uri": {back + "x"}}); status != 400 || doc["error"] != "invalid_grant" {
			t.Errorf("another redirect: %d %v", status, doc)
		}
		late := u.consent("approve").Get("code")
		exchange := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {back}}
		status, doc := u.tokens(exchange)
		if status != 200 || doc["token_type"] != "bearer" || doc["expires_in"] != 86393.0 || doc["app_type"] != "system" || doc["scope"] != "read write" {
			t.Errorf("tokens: %d %v", status, doc)
		}
		for _, name := range []string{"access_token", "refresh_token", "enl_uid", "enl_cid", "enl_password_last_changed", "is_internal_app", "jti"} {
			if _, ok := doc[name]; !ok {
				t.Errorf("%s is missing", name)
			}
		}
		if status, doc := u.tokens(exchange); status != 400 || doc["error"] != "invalid_grant" {
			t.Errorf("the code was good twice: %d %v", status, doc)
		}
		u.access, _ = doc["access_token"].(string)
		if status, _ := u.get(""); status != 200 {
			t.Errorf("the new token: %d", status)
		}
		time.Sleep(10 * time.Minute)
		if status, doc := u.tokens(url.Values{"grant_type": {"authorization_code"}, "code": {late}, "redirect_uri": {back}}); status != 400 {
			t.Errorf("an old code: %d %v", status, doc)
		}
	})
}

func TestRejectionSendsBackAnError(t *testing.T) {
	at(t, noon(), cloud.Config{}, home.Config{}, func(u *user) {
		if got := u.consent("reject"); got.Get("error") != "access_denied" || got.Has("code") {
			t.Errorf("%v", got)
		}
	})
}

func TestConsentIsAskedOnlyOfTheRightQuestion(t *testing.T) {
	at(t, noon(), cloud.Config{}, home.Config{}, func(u *user) {
		for name, wrong := range map[string]url.Values{
			"client": {"client_id": {"x"}}, "no redirect": {"redirect_uri": {""}}, "relative": {"redirect_uri": {"/x"}}, "scheme": {"redirect_uri": {"javascript://x/"}},
		} {
			if w := u.form("/oauth/authorize", u.question(wrong)); w.Code != 400 || w.Header().Get("Location") != "" {
				t.Errorf("%s: %d", name, w.Code)
			}
		}
		if w := u.form("/oauth/authorize", u.question(url.Values{"response_type": {"token"}})); !strings.Contains(w.Header().Get("Location"), "unsupported_response_type") {
			t.Errorf("%d %s", w.Code, w.Header().Get("Location"))
		}
		if w := u.form("/oauth/authorize", u.question(url.Values{"decision": {"approve"}})); w.Header().Get("Location") != "" {
			t.Error("approved without a login")
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/oauth/redirect_uri?code=AB%3C1", http.NoBody)
		if w, _ := u.send(r); !strings.Contains(w.Body.String(), `<code id="code">AB&lt;1</code>`) {
			t.Errorf("%s", w.Body)
		}
	})
}

func TestARefreshTokenIsGoodUntilTheNextIsUsed(t *testing.T) {
	for name, use := range map[string]func(u *user, next map[string]any){
		"its access token": func(u *user, next map[string]any) {
			u.access = next["access_token"].(string)
			u.get("")
		},
		"its refresh token": func(u *user, next map[string]any) { u.refresh(next["refresh_token"].(string)) },
	} {
		t.Run(name, func(t *testing.T) {
			at(t, noon(), cloud.Config{}, home.Config{}, func(u *user) {
				first := u.cloud.Grant()["refresh_token"].(string)
				u.refresh(first) // the answer is lost
				status, next := u.refresh(first)
				if status != 200 || u.cloud.Reused() != 1 {
					t.Fatalf("before the next is used: %d %v, %d counted", status, next, u.cloud.Reused())
				}
				use(u, next)
				if status, doc := u.refresh(first); status != 400 || doc["error"] != "invalid_grant" || u.cloud.Reused() != 2 {
					t.Errorf("after the next was used: %d %v, %d counted", status, doc, u.cloud.Reused())
				}
			})
		})
	}
}

func (u *user) refresh(token string) (int, map[string]any) {
	u.t.Helper()
	return u.tokens(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

func TestAStrictRefreshTokenIsGoodOnceAndForAMonth(t *testing.T) {
	at(t, noon(), cloud.Config{}, home.Config{}, func(u *user) {
		u.cloud.Strict(true)
		first := u.cloud.Grant()["refresh_token"].(string)
		status, doc := u.tokens(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first}})
		second, _ := doc["refresh_token"].(string)
		if status != 200 || second == "" || second == first {
			t.Fatalf("%d %v", status, doc)
		}
		if status, doc := u.tokens(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first}}); status != 400 || doc["error"] != "invalid_grant" || u.cloud.Reused() != 1 {
			t.Errorf("used twice: %d %v, %d counted", status, doc, u.cloud.Reused())
		}
		time.Sleep(30*24*time.Hour - time.Second)
		if status, _ := u.tokens(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {second}}); status != 200 {
			t.Errorf("just before its end: %d", status)
		}
		third := u.cloud.Grant()["refresh_token"].(string)
		time.Sleep(30 * 24 * time.Hour)
		if status, doc := u.tokens(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {third}}); status != 400 || doc["error"] != "invalid_grant" {
			t.Errorf("after its end: %d %v", status, doc)
		}
	})
}

func TestAnAccessTokenLastsADay(t *testing.T) {
	at(t, noon(), cloud.Config{}, home.Config{}, func(u *user) {
		time.Sleep(24*time.Hour - time.Second)
		if status, _ := u.get(""); status != 200 {
			t.Errorf("just before its end: %d", status)
		}
		time.Sleep(time.Second)
		if status, text := u.get(""); status != 401 || !strings.Contains(text, `"message":"Not Authorized"`) || !strings.Contains(text, `"code":401`) {
			t.Errorf("after its end: %d %s", status, text)
		}
		g := u.cloud.Grant()
		u.access = g["access_token"].(string)
		u.cloud.Revoke()
		if status, _ := u.get(""); status != 401 {
			t.Errorf("revoked: %d", status)
		}
		if status, _ := u.tokens(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {g["refresh_token"].(string)}}); status != 400 {
			t.Errorf("refreshed after revoking: %d", status)
		}
	})
}

func TestThePasswordGrantIsForPartners(t *testing.T) {
	login := url.Values{"grant_type": {"password"}, "username": {cloud.InstallerEmail}, "password": {cloud.InstallerPassword}}
	at(t, noon(), cloud.Config{}, home.Config{}, func(u *user) {
		if status, doc := u.tokens(login); status != 401 || doc["error"] != "unauthorized_client" {
			t.Errorf("developer: %d %v", status, doc)
		}
	})
	at(t, noon(), cloud.Config{Partner: true}, home.Config{}, func(u *user) {
		if status, doc := u.tokens(login); status != 200 || doc["app_type"] != "partner" || u.cloud.Plan() != cloud.Partners {
			t.Errorf("partner: %d %v", status, doc)
		}
		if status, doc := u.tokens(url.Values{"grant_type": {"password"}, "username": {email}, "password": {password}}); status != 400 || doc["error"] != "invalid_grant" {
			t.Errorf("owner's login: %d %v", status, doc)
		}
	})
}

func TestTheTokenEndpointRefuses(t *testing.T) {
	at(t, noon(), cloud.Config{}, home.Config{}, func(u *user) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/oauth/token?grant_type=refresh_token", http.NoBody)
		r.SetBasicAuth(u.cloud.Client(), "wrong")
		if w, _ := u.send(r); w.Code != 401 || !strings.Contains(w.Body.String(), "invalid_client") {
			t.Errorf("wrong secret: %d %s", w.Code, w.Body)
		}
		for grant, want := range map[string]string{"": "invalid_request", "implicit": "unsupported_grant_type", "refresh_token": "invalid_grant"} {
			if status, doc := u.tokens(url.Values{"grant_type": {grant}}); status != 400 || doc["error"] != want {
				t.Errorf("%q: %d %v", grant, status, doc)
			}
		}
		r = httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/oauth/token", http.NoBody)
		if w, _ := u.send(r); w.Code != 405 {
			t.Errorf("GET: %d", w.Code)
		}
		query := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {u.cloud.Grant()["refresh_token"].(string)}}
		r = httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/oauth/token?"+query.Encode(), http.NoBody)
		r.SetBasicAuth(u.cloud.Client(), u.cloud.Secret())
		if w, _ := u.send(r); w.Code != 200 {
			t.Errorf("parameters in the query: %d %s", w.Code, w.Body)
		}
	})
}
