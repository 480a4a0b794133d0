package main

// docs/formats/vectors.md

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

type vector struct {
	expect, test string
	fields       map[string][]string
	body         []byte
}

func readVector(path string) (*vector, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	head, body, _ := bytes.Cut(raw, []byte("\n\n"))
	v := &vector{fields: map[string][]string{}, body: body}
	for _, line := range strings.Split(strings.TrimSuffix(string(head), "\n"), "\n") {
		key, value, isPair := strings.Cut(line, ": ")
		if !isPair {
			return nil, malformed{"a line without a key"}
		}
		v.fields[key] = append(v.fields[key], value)
	}
	v.expect, v.test = v.word("expect"), v.word("test")
	return v, nil
}

func (v *vector) word(key string) string {
	if len(v.fields[key]) == 0 {
		return ""
	}
	return v.fields[key][0]
}

func (v *vector) text(key string) (text string) {
	if err := json.Unmarshal([]byte(v.word(key)), &text); err != nil {
		fail(fmt.Errorf("%s: %w", key, err))
	}
	return text
}

func (v *vector) number(key string) int {
	value, err := strconv.Atoi(v.word(key))
	if err != nil {
		fail(fmt.Errorf("%s: %w", key, err))
	}
	return value
}

func (v *vector) numbers(key string) (values []int) {
	for _, text := range v.fields[key] {
		value, err := strconv.Atoi(text)
		if err != nil {
			fail(fmt.Errorf("%s: %w", key, err))
		}
		values = append(values, value)
	}
	return values
}

func decodeHex(text string) []byte {
	if text == "-" {
		return nil
	}
	raw, err := hex.DecodeString(text)
	if err != nil {
		fail(err)
	}
	return raw
}

func (v *vector) bytes(key string) []byte { return decodeHex(v.word(key)) }

func (v *vector) list(key string) (values [][]byte) {
	for _, text := range v.fields[key] {
		values = append(values, decodeHex(text))
	}
	return values
}

func (v *vector) proof() (values [][]byte) {
	for _, value := range v.list("proof") {
		if len(value) > 0 {
			values = append(values, value)
		}
	}
	return values
}

// a value that is not the one in the file
type difference struct{ key string }

func (d difference) Error() string { return "another " + d.key }

func (v *vector) same(key string, found any) error {
	var text string
	switch found := found.(type) {
	case []byte:
		text = hex.EncodeToString(found)
		if len(found) == 0 {
			text = "-"
		}
	case bool:
		text = map[bool]string{true: "yes", false: "no"}[found]
	case string:
		if strings.HasPrefix(v.word(key), `"`) {
			if v.text(key) != found {
				return difference{key}
			}
			return nil
		}
		text = found
	default:
		text = fmt.Sprint(found)
	}
	if v.word(key) != text {
		return difference{key}
	}
	return nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *vector) run() (outcome, reason string) {
	read, isKnown := tests[v.test]
	if !isKnown {
		return "unknown", ""
	}
	err := read(v)
	switch {
	case err == nil:
		return "ok", ""
	case errors.As(err, new(difference)):
		return "differs", err.Error()
	case errors.As(err, new(malformed)):
		return "parse", err.Error()
	}
	return "verify", err.Error()
}

var tests = map[string]func(*vector) error{
	"core": func(v *vector) error {
		padded := func(text string, size int) []byte { return append([]byte(text), make([]byte, size-len(text))...) }
		core := bytes.Join([][]byte{
			[]byte(fmt.Sprintf("COFSEG%02d", v.number("version"))), u32(v.number("day")),
			{byte(v.number("kind")), byte(v.number("layout")), byte(v.number("n")), byte(v.number("clause-count"))},
			u32(v.number("part")), {1, 1}, make([]byte, 6), padded(v.word("rule"), 4), padded(v.word("feed"), 16), v.bytes("roster"),
			hash(tag("origin"), []byte(v.word("origin"))), make([]byte, 16), v.bytes("nonce"),
		}, nil)
		segID := hash(tag("segment"), core)
		return firstOf(v.same("raw", core), v.same("seg-id", segID), v.same("pi", hash(tag("pi"), segID)))
	},
	"subkey": func(v *vector) error {
		segID, mask, subkey := v.bytes("seg-id"), v.number("mask"), v.bytes("subkey")
		return firstOf(v.same("commitment", commit(segID, mask, subkey)), v.same("effective", effectiveKey(segID, mask, subkey)))
	},
	"bundle-plaintext": func(v *vector) error {
		masks, subkeys := v.numbers("mask"), v.list("subkey")
		for i, bundle := range v.list("bundle") {
			var raw []byte
			for at, mask := range masks {
				if mask>>i&1 == 1 {
					raw = append(append(raw, u16(mask)...), subkeys[at]...)
				}
			}
			if !bytes.Equal(raw, bundle) {
				return difference{"bundle"}
			}
		}
		return nil
	},
	"prf": func(v *vector) error {
		segID, subkeys := v.bytes("seg-id"), v.list("subkey")
		var effective [][]byte
		for i, mask := range v.numbers("mask") {
			effective = append(effective, effectiveKey(segID, mask, subkeys[i]))
		}
		message := prfMessage(v.bytes("sid"), v.number("lane"), v.number("kind"), v.number("rank"))
		y := combine(effective, message)
		for j, expected := range v.list("pad") {
			if !bytes.Equal(pad(segID, y, j), expected) {
				return difference{"pad"}
			}
		}
		return firstOf(v.same("message", message), v.same("partial", cmac(effective[0], message)), v.same("y", y))
	},
	"row": func(v *vector) error {
		row, err := parseRow(v.bytes("core"), v.bytes("extra"), v.number("layout"))
		if err != nil || v.expect != "ok" {
			return err
		}
		long := v.text("long")
		if raw := []byte(long); len(raw) > 63 {
			sum := sha256.Sum256(raw)
			long = hex.EncodeToString(raw[:31]) + "~" + hex.EncodeToString(sum[:])
		}
		duration := v.number("duration-s")
		if long != row.Long || row.IsSaturated != (duration > 1_048_575) || row.DurationS != min(duration, 1_048_575) {
			return difference{"long or duration-s"}
		}
		return firstOf(
			v.same("peer-type", row.PeerType), v.same("peer", row.Peer), v.same("second", row.Second), v.same("direction", row.Direction),
			v.same("is-answered", row.IsAnswered), v.same("is-last", row.IsLast), v.same("cell", row.Cell), v.same("imei", row.IMEI),
			v.same("imsi", row.IMSI), v.same("own", row.Own), v.same("short", row.Short),
		)
	},
	"short-peer": func(v *vector) error {
		country, digits, err := unpackShortPeer(v.number("packed"))
		if err != nil || v.expect != "ok" {
			return asExpected(v, err)
		}
		return firstOf(v.same("country", country), v.same("digits", digits))
	},
	"dialled-peer": func(v *vector) error {
		shown, err := unpackDialled(v.number("type"), v.number("peer"))
		if err != nil || v.expect != "ok" {
			return err
		}
		return v.same("shown", shown)
	},
	"header": func(v *vector) error {
		header, err := parseHeader(v.bytes("raw"), false)
		if err != nil || v.expect != "ok" {
			return err
		}
		again, err := parseHeader(v.bytes("stripped"), true)
		if err != nil || again.Hash != header.Hash {
			return difference{"hash of the stripped form"}
		}
		return firstOf(v.same("seg-id", header.SegID), v.same("stripped", header.Stripped), v.same("hash", header.Hash))
	},
	"root": func(v *vector) error {
		var leaves [][]byte
		for i := 0; i < v.number("size"); i++ {
			leaves = append(leaves, leafHash([]byte(strconv.Itoa(i))))
		}
		return v.same("root", rootHash(leaves))
	},
	"inclusion": func(v *vector) error {
		return verifyInclusion(v.number("index"), v.number("size"), v.bytes("leaf"), v.bytes("root"), v.proof())
	},
	"consistency": func(v *vector) error {
		return verifyConsistency(v.number("old-size"), v.number("size"), v.bytes("old-root"), v.bytes("root"), v.proof())
	},
	"tile-path": func(v *vector) error {
		return v.same("path", tilePath(v.word("level"), v.number("index"), v.number("width")))
	},
	"tiles": func(v *vector) error {
		paths := tilePaths(v.number("size"))
		listing := strings.Join(append(paths, ""), "\n")
		return firstOf(v.same("count", len(paths)), v.same("digest", hash([]byte(listing))))
	},
	"bundle": func(v *vector) error {
		entries, err := parseBundle(v.bytes("raw"), v.number("width"))
		if err != nil || v.expect != "ok" {
			return err
		}
		for i, expected := range v.list("entry") {
			if i >= len(entries) || !bytes.Equal(entries[i], expected) {
				return difference{"entry"}
			}
		}
		return nil
	},
	"checkpoint": func(v *vector) error {
		key, err := parseVkey(v.text("key"))
		if err != nil {
			return err
		}
		size, root, err := parseCheckpoint(v.body, key)
		if err != nil || v.expect != "ok" {
			return err
		}
		return firstOf(v.same("size", size), v.same("root", root))
	},
	"cell": func(v *vector) error {
		packed, err := packCell(v.text("text"))
		if err != nil || v.expect != "ok" {
			return err
		}
		return firstOf(v.same("packed", u64(int(packed))), v.same("text", formatCell(packed)))
	},
}

// asExpected: the vectors call a packed short code that is none malformed; within a row it is not proven.
func asExpected(v *vector, err error) error {
	if err != nil && v.expect == "parse" {
		return malformed{err.Error()}
	}
	return err
}
