package token_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"envoyd/internal/token"
)

const issued = 1_790_000_000

func claims(change map[string]any) map[string]any {
	c := map[string]any{"aud": serial, "iss": "Entrez", "enphaseUser": "owner", "iat": issued, "exp": issued + 31_536_000}
	for k, v := range change {
		if v == nil {
			delete(c, k)
			continue
		}
		c[k] = v
	}
	return c
}

func TestParse(t *testing.T) {
	tests := []struct {
		name string
		text string
		err  error
		role string
	}{
		{"owner", encode(claims(nil)), nil, "owner"},
		{"installer", encode(claims(map[string]any{"enphaseUser": "installer", "exp": issued + 43_200})), nil, "installer"},
		{"white space around it", "\n " + encode(claims(nil)) + " \n", nil, "owner"},
		{"audience as a list", encode(claims(map[string]any{"aud": []string{"other", serial}})), nil, "owner"},
		{"times with a fraction", encode(claims(map[string]any{"iat": issued + 0.5})), nil, "owner"},
		{"no role, a year", encode(claims(map[string]any{"enphaseUser": nil})), nil, "owner"},
		{"no role, 12 hours", encode(claims(map[string]any{"enphaseUser": 7, "exp": issued + 43_200})), nil, "installer"},
		{"role with control characters", encode(claims(map[string]any{"enphaseUser": "own\ner"})), nil, "owner"},
		{"empty", "", token.ErrNotToken, ""},
		{"two parts", "abc.def", token.ErrNotToken, ""},
		{"four parts", encode(claims(nil)) + ".x", token.ErrNotToken, ""},
		{"a page", "<html>.<body>.x", token.ErrNotToken, ""},
		{"a header in it", encode(claims(nil)) + "\r\nX: y", token.ErrNotToken, ""},
		{"payload not base64", "a.b.c", token.ErrNotToken, ""},
		{"payload not JSON", "a." + base64.RawURLEncoding.EncodeToString([]byte("my secret")) + ".c", token.ErrNotToken, ""},
		{"no audience", encode(claims(map[string]any{"aud": nil})), token.ErrNotToken, ""},
		{"audience a number", encode(claims(map[string]any{"aud": 122333444555})), token.ErrNotToken, ""},
		{"audience a path", encode(claims(map[string]any{"aud": "../../../../x"})), token.ErrNotToken, ""},
		{"audience of eleven digits", encode(claims(map[string]any{"aud": "12233344455"})), token.ErrNotToken, ""},
		{"two gateways", encode(claims(map[string]any{"aud": []string{serial, "122333444556"}})), token.ErrNotToken, ""},
		{"uncommissioned", encode(claims(map[string]any{"aud": "un-commissioned"})), token.ErrUncommissioned, ""},
		{"no end", encode(claims(map[string]any{"exp": nil})), token.ErrNotToken, ""},
		{"end as text", encode(claims(map[string]any{"exp": "soon"})), token.ErrNotToken, ""},
		{"end in milliseconds", encode(claims(map[string]any{"exp": 1.79e12})), token.ErrNotToken, ""},
		{"ends before it begins", encode(claims(map[string]any{"exp": issued - 1})), token.ErrNotToken, ""},
		{"longer than any header", strings.Repeat("a", 9000) + ".b.c", token.ErrNotToken, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := token.Parse(tt.text)
			if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
				t.Fatalf("error %v, want %v", err, tt.err)
			}
			if err != nil {
				if s := strings.TrimSpace(tt.text); len(s) > 20 && strings.Contains(err.Error(), s[:20]) || strings.Contains(err.Error(), "secret") {
					t.Errorf("the error quotes the token: %v", err)
				}
				return
			}
			if got.Serial != serial || got.Role != tt.role || !got.IssuedAt.Equal(time.Unix(issued, 0)) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestPasted(t *testing.T) {
	bare := encode(claims(nil))
	for name, text := range map[string]string{
		"bare":              bare,
		"quoted":            `"` + bare + `"`,
		"with Bearer":       "Bearer " + bare,
		"wrapped":           bare[:40] + "\r\n  " + bare[40:],
		"the JSON document": `{"generation_time": 1790000000, "token": "` + bare + `", "expires_at": 1821536000}`,
	} {
		got, err := token.Pasted(text)
		if err != nil || got.Text.Reveal() != bare || got.Method != "pasted" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := token.Pasted("{}"); !errors.Is(err, token.ErrNotToken) {
		t.Errorf("an empty document: %v", err)
	}
}

func TestUsable(t *testing.T) {
	tok, err := token.Parse(encode(claims(nil)))
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Unix(issued, 0)
	tests := []struct {
		name    string
		now     time.Time
		trusted bool
		want    bool
	}{
		{"in its year", begin.Add(day), true, true},
		{"after its end", begin.Add(year), true, false},
		{"after its end by a clock nobody trusts", begin.Add(year), false, true},
		{"a Pi that boots in 1970", time.Unix(0, 0), false, true},
		{"a clock a little before it began", begin.Add(-time.Minute), true, true},
	}
	for _, tt := range tests {
		if got := tok.Usable(tt.now, tt.trusted); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	if (token.Token{}).Usable(begin, false) {
		t.Error("no token is usable")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(encode(claims(nil)))
	f.Add(encode(claims(map[string]any{"aud": []string{serial}})))
	f.Add("a.b.c")
	f.Add(`{"token":"a.b.c"}`)
	f.Add("Bearer a.e30.c")
	f.Fuzz(func(t *testing.T, text string) {
		for _, parse := range []func(string) (token.Token, error){token.Parse, token.Pasted} {
			got, err := parse(text)
			if err == nil && (!token.ValidSerial(got.Serial) || !got.ExpiresAt.After(got.IssuedAt) || strings.ContainsAny(got.Text.Reveal(), " \r\n\t\"")) {
				t.Errorf("took %q", text)
			}
		}
	})
}
