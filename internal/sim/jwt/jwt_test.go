package jwt_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/sim/jwt"
)

const serial = "122333444555"

func TestIssuedTokensSayWhatTheVendorsDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer, err := jwt.NewIssuer()
		if err != nil {
			t.Fatal(err)
		}
		for role, life := range map[string]time.Duration{jwt.Owner: 31_536_000 * time.Second, jwt.Installer: 43_200 * time.Second} {
			token, err := issuer.Issue(serial, role, "a@b")
			if err != nil {
				t.Fatal(err)
			}
			c, err := issuer.Verify(token)
			if err != nil || c.Role != role || c.Issuer != "Entrez" || c.Username != "a@b" || c.Expires-c.Issued != int64(life/time.Second) {
				t.Errorf("%v %+v", err, c)
			}
			if err := c.Check(serial, time.Now().Add(life-time.Second)); err != nil {
				t.Error(err)
			}
			if err := c.Check(serial, time.Now().Add(life)); !errors.Is(err, jwt.ErrTime) {
				t.Errorf("after its end: %v", err)
			}
			if err := c.Check("1", time.Now()); !errors.Is(err, jwt.ErrAudience) {
				t.Errorf("elsewhere: %v", err)
			}
		}
	})
}

func TestForgedAndBrokenTokensAreRefused(t *testing.T) {
	issuer, err := jwt.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	token, err := issuer.Issue(serial, jwt.Owner, "a@b")
	if err != nil {
		t.Fatal(err)
	}
	other, err := jwt.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Verify(token); !errors.Is(err, jwt.ErrSignature) {
		t.Errorf("another's token: %v", err)
	}
	parts := strings.Split(token, ".")
	for _, bad := range []string{"", "a.b", "a.b.c", parts[0] + ".e30." + parts[2], parts[0] + "." + parts[1] + ".", parts[0] + "." + parts[1] + ".QQ"} {
		if c, err := issuer.Verify(bad); err == nil {
			t.Errorf("%q says %+v", bad, c)
		}
	}
}

func FuzzVerify(f *testing.F) {
	issuer, err := jwt.NewIssuer()
	if err != nil {
		f.Fatal(err)
	}
	token, err := issuer.Issue(serial, jwt.Owner, "a@b")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token + "x")
	f.Add("..")
	f.Add("a.e30.QUFB")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := issuer.Verify(text); err == nil && text != token {
			// ECDSA signatures can be changed into another valid one only by who
			// has the key or by the sign of s, which no mutation finds.
			t.Errorf("%q was taken", text)
		}
	})
}
