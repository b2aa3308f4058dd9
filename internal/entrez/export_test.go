package entrez

import (
	"context"
	"net/http"
)

// WithoutPause lets tests go on at once after a young session was refused, and
// counts the pauses.
func (c *Client) WithoutPause() *int {
	n := 0
	c.pause = func(context.Context) error { n++; return nil }
	return &n
}

// LoginPageVerdict judges a page as if it had followed the login form.
func LoginPageVerdict(body []byte) error {
	doc, f := parse(page{host: "host", body: body})
	if f == nil {
		f = judgeLoginPage(doc, "host")
	}
	if f == nil {
		return nil
	}
	return f.sentinel
}

// TokenPageText extracts the token text of a page, with the words of the error.
func TokenPageText(body []byte) (text, detail string) {
	text, f := tokenText(page{host: "host", status: http.StatusOK, body: body})
	if f != nil {
		detail = f.detail
	}
	return text, detail
}
