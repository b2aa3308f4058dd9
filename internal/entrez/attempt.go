package entrez

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"time"

	"envoyd/internal/cloud/host"
	"envoyd/internal/token"
)

// attempt is one try with its own cookies; nothing of it outlives the call.
type attempt struct {
	*Client
	login   Login
	serial  string
	http    *http.Client
	browser bool // headers as a browser sends them
	answers int  // definite answers of a login page so far
}

func (c *Client) newAttempt(login Login, serial string) *attempt {
	jar, _ := cookiejar.New(nil) // fails never without a suffix list
	return &attempt{
		Client: c, login: login, serial: serial,
		http: &http.Client{
			Transport:     c.transport,
			Jar:           jar,
			Timeout:       requestLimit,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// run goes through the ways in their order.
func (a *attempt) run(ctx context.Context) (token.Token, *failure) {
	t, first := a.viaEnlighten(ctx)
	if first == nil || first.concernsAccount() || ctx.Err() != nil {
		return t, first
	}
	a.log.Debug("trying the web form", "gateway", a.serial, "reason", first.detail)
	t, second := a.viaWebForm(ctx)
	if second == nil {
		return t, nil
	}
	if first.outweighs(second) {
		return token.Token{}, first
	}
	return token.Token{}, second
}

// pauseAwhile waits one to two seconds: /tokens has refused sessions that were
// only milliseconds old.
func pauseAwhile(ctx context.Context) error {
	timer := time.NewTimer(time.Second + rand.N(time.Second))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// page is an answer, read whole.
type page struct {
	host   string
	status int
	header http.Header
	body   []byte
}

func (a *attempt) get(ctx context.Context, to *host.Host, path string, query url.Values) (page, *failure) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, to.URL(path).String(), nil)
	if err != nil {
		return page{}, fail(ErrUpstream, "the request to %s cannot be made", to.Name())
	}
	r.URL.RawQuery = query.Encode()
	return a.send(r, to, "")
}

func (a *attempt) postForm(ctx context.Context, to *host.Host, path string, form url.Values) (page, *failure) {
	return a.post(ctx, to, path, "application/x-www-form-urlencoded", []byte(form.Encode()))
}

func (a *attempt) post(ctx context.Context, to *host.Host, path, contentType string, body []byte) (page, *failure) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL(path).String(), bytes.NewReader(body))
	if err != nil {
		return page{}, fail(ErrUpstream, "the request to %s cannot be made", to.Name())
	}
	return a.send(r, to, contentType)
}

func (a *attempt) send(r *http.Request, to *host.Host, contentType string) (page, *failure) {
	a.dress(r, contentType)
	answer, err := a.http.Do(r)
	if err != nil {
		return page{}, offline(to, err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, bodyLimit+1))
	if err != nil {
		return page{}, offline(to, err)
	}
	if len(text) > bodyLimit {
		return page{}, fail(ErrUpstream, "%s sent more than any page of it", to.Name())
	}
	return page{host: to.Name(), status: answer.StatusCode, header: answer.Header, body: text}, nil
}

// dress gives the request its headers. Some regions answer 406 or a page to
// clients that do not look like a browser.
func (a *attempt) dress(r *http.Request, contentType string) {
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	r.Header.Set("Accept", "application/json, text/plain, */*")
	r.Header.Set("User-Agent", "envoyd")
	if a.browser {
		r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")
		r.Header.Set("Accept-Language", "en-US,en;q=0.5")
		r.Header.Set("Referer", a.enlighten.URL("/").String())
		r.Header.Set("X-Requested-With", "XMLHttpRequest")
	}
}

// looksLikePage reports whether a person was meant to read the answer.
func (p page) looksLikePage() bool {
	kind, _, _ := mime.ParseMediaType(p.header.Get("Content-Type"))
	return kind == "text/html" || strings.HasPrefix(p.text(), "<")
}

func (p page) text() string { return strings.TrimSpace(string(p.body)) }

// common recognises what every page of the vendor may answer.
func (p page) common() *failure {
	switch {
	case strings.Contains(strings.ToLower(string(p.body)), "too many active sessions"):
		return fail(ErrTooManySessions, "answer of %s", p.host)
	case p.status == http.StatusTooManyRequests:
		f := fail(ErrThrottled, "answer 429 of %s", p.host)
		f.after = retryAfter(p.header)
		return f
	case p.status >= 500:
		f := fail(ErrUpstream, "answer %d of %s", p.status, p.host)
		f.after = retryAfter(p.header)
		return f
	}
	return nil
}

// retryAfter reads the seconds or the date, at most a day.
func retryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		return min(max(time.Duration(min(seconds, 1<<20))*time.Second, 0), longPause)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(time.Until(at), 0), longPause)
	}
	return 0
}
