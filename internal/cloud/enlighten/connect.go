package enlighten

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"envoyd/internal/cloud/grant"
	"envoyd/internal/fault"
	"envoyd/internal/secret"
)

// searched bounds how many homes are examined for the gateway; each costs a
// call. An installer with more sets cloud.enlighten.system_id.
const searched = 20

// Consent is what the owner's agreement left behind.
type Consent struct {
	App         string // instead of the configured kind of application
	Code        string // developer: from the redirect or pasted; empty for partner applications
	RedirectURI string // the one of AuthorizeURL
	// Gateways are the serials read at this place: the grant is kept if it is
	// for a system with one of them.
	Gateways []string
	// Confirm asks a person whether a system without the gateway is the right
	// one all the same; nil means no.
	Confirm func(ctx context.Context, h Home) (bool, error)
}

// offer is the tokens of a grant that is not kept yet.
type offer struct{ grant.Offer }

// Token returns the one access token of the offer.
func (o offer) Token(context.Context) (secret.Text, error) { return o.Access(), nil }

// Refused says that there is no other.
func (o offer) Refused(secret.Text) bool { return false }

// Connect turns a consent into a grant and keeps it if it is for this home;
// otherwise what was granted before stays. It returns the home.
func (c *Client) Connect(ctx context.Context, consent Consent) (Home, error) {
	var o grant.Offer
	var err error
	if cmp.Or(consent.App, c.cfg.App) == grant.Partner {
		o, err = c.grant.Login(ctx)
	} else {
		o, err = c.grant.Exchange(ctx, consent.Code, consent.RedirectURI)
	}
	if err != nil {
		return Home{}, err
	}
	h, err := c.find(ctx, consent, offer{o})
	if err != nil {
		return Home{}, err
	}
	if err := c.grant.Keep(ctx, o); err != nil {
		return Home{}, err
	}
	c.mu.Lock()
	clear(c.closed) // another consent may open what was closed
	c.mu.Unlock()
	return h, c.keepHome(h)
}

// find looks for the system of the gateway among those that the offer covers.
func (c *Client) find(ctx context.Context, consent Consent, with tokens) (Home, error) {
	all, err := c.systems(ctx, with)
	if err != nil {
		return Home{}, err
	}
	op := "looking for this home among the systems of the access"
	var others []Home
	for _, s := range all[:min(len(all), searched)] {
		if c.cfg.SystemID != 0 && s.ID != c.cfg.SystemID {
			continue
		}
		h, err := c.examine(ctx, s, with)
		if fault.Is(err, fault.Unsupported) || errors.Is(err, ErrUnknownSystem) {
			continue
		}
		if err != nil {
			return Home{}, err
		}
		if h.has(consent.Gateways) {
			return h, nil
		}
		others = append(others, h)
	}
	for _, h := range others {
		if consent.Confirm == nil {
			break
		}
		if yes, err := consent.Confirm(ctx, h); err != nil || yes {
			return h, err
		}
	}
	mend := "The access covers " + list(all) + ". The owner of this gateway's system must agree; run envoyd connect enlighten again."
	if c.cfg.SystemID != 0 && len(others) == 0 {
		mend = "The access covers " + list(all) + "; correct cloud.enlighten.system_id."
	}
	return Home{}, &fault.Error{Kind: fault.Auth, Op: op, Err: ErrNotThisHome, Mend: mend}
}

// Check tries the credentials one after the other and says which is wrong:
// the grant, the client id and secret (by a refresh), the API key (by the list
// of systems), the system. Three calls.
func (c *Client) Check(ctx context.Context) (Home, error) {
	if err := c.grant.Check(ctx); err != nil {
		return Home{}, err
	}
	all, err := c.Systems(ctx)
	if errors.Is(err, ErrNotAllowed) {
		// A token of this minute was refused even for the list that every plan
		// has: it is the key, or no access control was ticked at all.
		return Home{}, &fault.Error{Kind: fault.Config, Op: "checking the API key", Err: fmt.Errorf("%w: %w", ErrWrongKey, err), Mend: mendKey + " " + mendPortal}
	}
	if err != nil {
		return Home{}, err
	}
	h, err := c.Home(ctx)
	if err != nil {
		return Home{}, err
	}
	for _, s := range all {
		if s.ID == h.ID {
			return h, nil
		}
	}
	return Home{}, &fault.Error{Kind: fault.Config, Op: "checking the system", Err: ErrNotCovered,
		Mend: fmt.Sprintf("System %d is not among those of the access: %s. %s", h.ID, list(all), mendSystem)}
}
