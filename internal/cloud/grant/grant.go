// Package grant keeps the permission to read a home from Enphase's cloud: how
// the owner gives it (OAuth 2.0 authorization code) or an installer has it
// (password grant), and how its tokens live for years.
//
// The access token lives a day, the refresh token a month, and each refresh
// gives a new refresh token that ends the old one. Losing the new one is
// losing the grant, and only the owner at a browser can give another. So:
//
//   - a new refresh token is on disk before the access token that came with it
//     is used, and the one before it is kept beside it;
//   - what a crash left half done is taken up at the next start: a complete
//     answer in a temporary file counts, half of one does not;
//   - one process at a time refreshes, and first reads what others wrote;
//   - it is refreshed each week even when nobody needs it;
//   - a refusal that stands is written down and ends the asking, it is a
//     condition for a person, not a loop.
//
// It knows the token endpoint only, not the API. It never quotes what Enphase
// answered, and no token is ever in an error or a log.
package grant

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"envoyd/internal/cloud/host"
	"envoyd/internal/secret"
	"envoyd/internal/status"
)

// The two kinds of application at the developer portal.
const (
	Developer = "developer" // the home owner consents at a browser
	Partner   = "partner"   // an installer's Enlighten login
)

// What can go wrong, to be matched with errors.Is.
var (
	ErrNoGrant    = errors.New("access to the Enlighten cloud was not granted yet")
	ErrEnded      = errors.New("the access to the Enlighten cloud has ended")
	ErrDenied     = errors.New("the owner said no")
	ErrBadCode    = errors.New("the code is wrong, used or too old")
	ErrBadClient  = errors.New("client id and client secret do not belong together")
	ErrBadLogin   = errors.New("the installer's user name or password is wrong, or the application is no partner application")
	ErrOtherApp   = errors.New("the access was granted to another application")
	ErrUpstream   = errors.New("the token service does not work at the moment")
	ErrNotSaved   = errors.New("the new token cannot be written")
	ErrBadRequest = errors.New("the token service refused the request")
)

// Config says for which application and where. Zero values are no defaults
// here, but Partner's fields, Count, Log and Board may be left out.
type Config struct {
	App          string // Developer or Partner
	ClientID     string
	ClientSecret secret.Text
	Username     string      // Partner: the installer's Enlighten login
	Password     secret.Text // likewise
	Dir          string      // the state folder; enlighten-grant.json in it
	Host         *host.Host
	// Count is called before each call to the token endpoint and may refuse
	// it: the budget of calls.
	Count func(context.Context) error
	Board *status.Board // gets the condition Condition
	Log   *slog.Logger
}

// Condition is the name under which the grant's health stands on the board.
const Condition = "cloud/enlighten"

// Keeper keeps the grant. It is safe for concurrent use, in several processes
// too.
type Keeper struct {
	cfg   Config
	oauth oauth2.Config
	path  string
	log   *slog.Logger

	turn chan struct{} // holds one element while somebody refreshes
	mu   sync.Mutex
	// unsaved is the newest state while it cannot be written: used from
	// memory, and written again at each chance.
	unsaved *stored
	refused string // the access token that the API refused, unwelcome from then on
	problem error
	retry   time.Time // no refresh before, after a failure
	failed  int       // failures in a row
}

// New returns the keeper of a grant. Nothing is read or asked until needed.
func New(cfg Config) *Keeper {
	k := &Keeper{
		cfg: cfg, path: filepath.Join(cfg.Dir, "enlighten-grant.json"), log: cfg.Log,
		turn: make(chan struct{}, 1),
		oauth: oauth2.Config{
			ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret.Reveal(),
			Endpoint: oauth2.Endpoint{
				AuthURL:  cfg.Host.URL("/oauth/authorize").String(),
				TokenURL: cfg.Host.URL("/oauth/token").String(),
				// Left to itself the library would repeat a failed call another
				// way and could spend a refresh token twice.
				AuthStyle: oauth2.AuthStyleInHeader,
			},
		},
	}
	if k.log == nil {
		k.log = slog.New(slog.DiscardHandler)
	}
	if k.cfg.Count == nil {
		k.cfg.Count = func(context.Context) error { return nil }
	}
	return k
}

// DefaultRedirect is Enphase's own page, which shows the owner the code to
// copy. The code it shows carries no state: who pastes it must have typed the
// command.
func (k *Keeper) DefaultRedirect() string { return k.cfg.Host.URL("/oauth/redirect_uri").String() }

// AuthorizeURL is where the owner says yes.
func (k *Keeper) AuthorizeURL(redirectURI, state string) string {
	cfg := k.oauth
	cfg.RedirectURL = redirectURI
	return cfg.AuthCodeURL(state)
}

// Offer is a grant that was given but is not kept yet: first it must be seen
// to be for the right home.
type Offer struct{ s stored }

// Access is the offer's access token, to look at what the grant covers.
func (o Offer) Access() secret.Text { return secret.New(o.s.Access) }

// Exchange turns the code that the owner brought into an offer. The redirect
// address must be the one of AuthorizeURL. A code works once.
func (k *Keeper) Exchange(ctx context.Context, code, redirectURI string) (Offer, error) {
	cfg := k.oauth
	cfg.RedirectURL = redirectURI
	return k.obtain(ctx, "exchanging the code for access to the Enlighten cloud", ErrBadCode, func(ctx context.Context) (*oauth2.Token, error) {
		return cfg.Exchange(ctx, code)
	})
}

// Login gets an offer with the installer's login; partner applications only.
func (k *Keeper) Login(ctx context.Context) (Offer, error) {
	return k.obtain(ctx, "logging in to the Enlighten cloud as an installer", ErrBadLogin, func(ctx context.Context) (*oauth2.Token, error) {
		return k.oauth.PasswordCredentialsToken(ctx, k.cfg.Username, k.cfg.Password.Reveal())
	})
}

func (k *Keeper) obtain(ctx context.Context, op string, refusal error, ask func(context.Context) (*oauth2.Token, error)) (Offer, error) {
	if err := k.cfg.Count(ctx); err != nil {
		return Offer{}, err
	}
	t, err := ask(k.dress(ctx))
	if err != nil {
		return Offer{}, k.classify(op, err, refusal)
	}
	now := time.Now().UTC().Truncate(time.Second)
	s := stored{Version: 1, App: k.cfg.App, ClientID: k.cfg.ClientID, Granted: now}
	s.renew(t, now)
	return Offer{s}, nil
}

// dress gives the library our client; without one it would use the default
// client, which waits for ever and follows redirects.
func (k *Keeper) dress(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, k.cfg.Host.Client())
}

// Keep writes an offer down as the grant from now on.
func (k *Keeper) Keep(ctx context.Context, o Offer) error {
	defer k.report()
	return k.locked(ctx, func() error {
		k.mu.Lock()
		k.problem, k.retry, k.failed, k.refused, k.unsaved = nil, time.Time{}, 0, "", nil
		k.mu.Unlock()
		if err := k.write(o.s); err != nil {
			return err
		}
		k.log.Info("cloud access granted", "app", o.s.App)
		return nil
	})
}

// Redirect is what came back with the owner's browser.
func Redirect(q url.Values) (code, state string, err error) {
	if e := q.Get("error"); e != "" {
		return "", q.Get("state"), consentError(e)
	}
	if code = q.Get("code"); code == "" {
		return "", q.Get("state"), consentError("")
	}
	return code, q.Get("state"), nil
}
