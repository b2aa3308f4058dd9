package entrez

import (
	"bytes"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"github.com/PuerkitoBio/goquery"
)

const maxTitle = 60 // characters of a page's title that an error may quote

var tokenShape = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)

// parse reads a page. HTML parsing accepts anything, so what is looked for is
// what is checked.
func parse(p page) (*goquery.Document, *failure) {
	doc, err := goquery.NewDocumentFromReader(bytes.NewReader(p.body))
	if err != nil {
		return nil, fail(ErrLayoutChanged, "a page of %s cannot be read", p.host)
	}
	return doc, nil
}

// title is the page's title, shortened and free of anything that could be an
// address or a secret.
func title(doc *goquery.Document) string {
	words := strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, doc.Find("title").First().Text()))
	var kept []string
	for _, w := range words {
		if len(w) > 24 || strings.Contains(w, "@") {
			w = "…"
		}
		kept = append(kept, w)
	}
	text := []rune(strings.Join(kept, " "))
	return string(text[:min(len(text), maxTitle)])
}

func titled(doc *goquery.Document, name string) bool {
	return strings.Contains(strings.ToLower(doc.Find("title").First().Text()), name)
}

// one demands exactly one match.
func one(doc *goquery.Document, selector string) (*goquery.Selection, *failure) {
	found := doc.Find(selector)
	if found.Length() != 1 {
		return nil, fail(ErrLayoutChanged, "the page %q has %d elements %s instead of one", title(doc), found.Length(), selector)
	}
	return found, nil
}

// withCSRF adds the page's hidden _csrf field to a form where there is one.
// The forms of a page share its value; two values mean a page unknown to us.
func withCSRF(doc *goquery.Document, form url.Values) (url.Values, *failure) {
	const selector = `input[name="_csrf"]`
	values := map[string]bool{}
	doc.Find(selector).Each(func(_ int, s *goquery.Selection) {
		if v := s.AttrOr("value", ""); v != "" {
			values[v] = true
		}
	})
	if len(values) > 1 {
		return nil, fail(ErrLayoutChanged, "the page %q has %d different elements %s", title(doc), len(values), selector)
	}
	for v := range values {
		form.Set("_csrf", v)
	}
	return form, nil
}

// judgeLoginPage says what the page that follows the login form means; nil
// when a gateway can be chosen on it.
func judgeLoginPage(doc *goquery.Document, host string) *failure {
	if titled(doc, "select gateway") {
		return nil
	}
	complaint := strings.ToLower(doc.Find(".error").Text())
	switch {
	case strings.Contains(complaint, "locked") || strings.Contains(complaint, "blocked"):
		return fail(ErrBlocked, "the login page of %s", host)
	case strings.Contains(complaint, "password") || strings.Contains(complaint, "username"):
		return fail(ErrBadCredentials, "the login page of %s", host)
	case titled(doc, "login page"):
		return fail(ErrLayoutChanged, "the login page of %s came back without saying why", host)
	case doc.Find(`input[autocomplete="one-time-code"], input[name*="otp" i]`).Length() > 0:
		return fail(ErrMFARequired, "a page of %s", host)
	}
	_, f := one(doc, `input[name="serialNum"]`)
	return f
}

// tokenText finds the token on the page that shows it once.
func tokenText(p page) (string, *failure) {
	doc, f := parse(p)
	if f != nil {
		return "", f
	}
	if titled(doc, "login page") {
		return "", fail(ErrUpstream, "%s has lost the session and shows the login page", p.host)
	}
	area, f := one(doc, "textarea#JWTToken")
	if f != nil {
		return tokenLike(doc, f)
	}
	text := strings.TrimSpace(area.Text())
	switch {
	case strings.HasPrefix(text, "Error"):
		return "", fail(ErrGatewayNotPermitted, "%s shows an error instead of a token", p.host)
	case !tokenShape.MatchString(text):
		return "", fail(ErrLayoutChanged, "textarea#JWTToken of the page %q holds no token", title(doc))
	}
	return text, nil
}

// tokenLike looks for the one textarea that holds something shaped like a
// token, should the page have lost the id.
func tokenLike(doc *goquery.Document, because *failure) (string, *failure) {
	var found []string
	doc.Find("textarea").Each(func(_ int, s *goquery.Selection) {
		if text := strings.TrimSpace(s.Text()); tokenShape.MatchString(text) {
			found = append(found, text)
		}
	})
	if len(found) != 1 {
		return "", because
	}
	return found[0], nil
}
