package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"strings"
	"time"

	"envoyd/internal/app"
)

func discoverCommand(fs *flag.FlagSet) action {
	asJSON := fs.Bool("json", false, "print a JSON array")
	timeout := fs.Duration("timeout", 5*time.Second, "how long to listen")
	return func(ctx context.Context, env *environment) error {
		cfg, err := env.load()
		if err != nil {
			return err
		}
		heard, err := app.Listen(ctx, cfg.Discover.Interfaces, *timeout)
		if err != nil {
			return err
		}
		if *asJSON {
			if heard == nil {
				heard = []app.Heard{}
			}
			if err := printJSON(env.out, heard); err != nil {
				return err
			}
		} else {
			printHeard(env, heard)
		}
		if len(heard) == 0 {
			return errSilent
		}
		return nil
	}
}

func printHeard(env *environment, heard []app.Heard) {
	if len(heard) == 0 {
		fmt.Fprintln(env.err, "No gateway was heard. Multicast does not cross routers and container bridges;"+
			" in the configuration, gateways[].address names one that is elsewhere.")
		return
	}
	for _, h := range heard {
		token := "no token needed"
		if h.NeedsToken {
			token = "needs a token"
		}
		fmt.Fprintf(env.out, "%s  %s  firmware %s  %s\n  key %s\n", h.Serial, strings.Join(h.Addresses, " "), h.Firmware, token, h.Certificate)
	}
}

// printJSON prints v indented, as a person may read it too.
func printJSON(w interface{ Write([]byte) (int, error) }, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
