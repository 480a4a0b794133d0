package main

// docs/formats/log.md and notes.md

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

func leafHash(entry []byte) []byte { return hash([]byte{0}, entry) }

func nodeHash(left, right []byte) []byte { return hash([]byte{1}, left, right) }

func rootHash(leaves [][]byte) []byte {
	switch len(leaves) {
	case 0:
		return hash()
	case 1:
		return leaves[0]
	}
	k := 1
	for 2*k < len(leaves) {
		k *= 2
	}
	return nodeHash(rootHash(leaves[:k]), rootHash(leaves[k:]))
}

func verifyInclusion(index, size int, leaf, root []byte, proof [][]byte) error {
	if index < 0 || index >= size {
		return errors.New("an index beyond the tree")
	}
	position, last, value := index, size-1, leaf
	for _, h := range proof {
		if last == 0 {
			return errors.New("the proof is too long")
		}
		if position%2 == 1 || position == last {
			value = nodeHash(h, value)
			for position%2 == 0 && position != 0 {
				position, last = position/2, last/2
			}
		} else {
			value = nodeHash(value, h)
		}
		position, last = position/2, last/2
	}
	if last != 0 || !bytes.Equal(value, root) {
		return errors.New("the entry is not under this root")
	}
	return nil
}

func verifyConsistency(oldSize, size int, oldRoot, root []byte, proof [][]byte) error {
	if oldSize <= 0 || oldSize > size {
		return errors.New("sizes that no proof is of")
	}
	if oldSize == size {
		if len(proof) > 0 || !bytes.Equal(oldRoot, root) {
			return errors.New("two trees of one size differ")
		}
		return nil
	}
	if oldSize&(oldSize-1) == 0 {
		proof = append([][]byte{oldRoot}, proof...)
	}
	if len(proof) == 0 {
		return errors.New("no proof")
	}
	position, last := oldSize-1, size-1
	for position%2 == 1 {
		position, last = position/2, last/2
	}
	oldValue, value := proof[0], proof[0]
	for _, h := range proof[1:] {
		if last == 0 {
			return errors.New("the proof is too long")
		}
		if position%2 == 1 || position == last {
			oldValue, value = nodeHash(h, oldValue), nodeHash(h, value)
			for position%2 == 0 && position != 0 {
				position, last = position/2, last/2
			}
		} else {
			value = nodeHash(value, h)
		}
		position, last = position/2, last/2
	}
	if last != 0 || !bytes.Equal(oldValue, oldRoot) || !bytes.Equal(value, root) {
		return errors.New("one tree is not the beginning of the other")
	}
	return nil
}

func tilePath(level string, index, width int) string {
	digits := strconv.Itoa(index)
	for len(digits)%3 != 0 {
		digits = "0" + digits
	}
	path := "tile/" + level
	for at := 0; at < len(digits); at += 3 {
		mark := "x"
		if at+3 == len(digits) {
			mark = ""
		}
		path += "/" + mark + digits[at:at+3]
	}
	if width < 256 {
		path += fmt.Sprintf(".p/%d", width)
	}
	return path
}

// tilePaths gives all hash tiles of a tree.
func tilePaths(size int) (paths []string) {
	for level := 0; size > 0; level, size = level+1, size/256 {
		for start := 0; start < size; start += 256 {
			paths = append(paths, tilePath(strconv.Itoa(level), start/256, min(256, size-start)))
		}
	}
	return paths
}

func parseBundle(raw []byte, width int) (entries [][]byte, err error) {
	c := &cursor{rest: raw}
	for i := 0; i < width; i++ {
		entries = append(entries, c.take(c.number(2)))
	}
	if c.err == nil && len(c.rest) > 0 {
		return nil, malformed{"bytes behind the bundle"}
	}
	return entries, c.err
}

func decodeBase64(text string) ([]byte, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || base64.StdEncoding.EncodeToString(raw) != text {
		return nil, malformed{"not canonical base64"}
	}
	return raw, nil
}

type verifyKey struct {
	name   string
	id     []byte
	public ed25519.PublicKey
}

var keyName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$`)

func parseVkey(text string) (*verifyKey, error) {
	parts := strings.SplitN(text, "+", 3)
	if len(parts) != 3 || !keyName.MatchString(parts[0]) {
		return nil, malformed{"not a vkey"}
	}
	raw, err := decodeBase64(parts[2])
	if err != nil || len(raw) != 33 || raw[0] != 1 {
		return nil, malformed{"not an Ed25519 vkey"}
	}
	id := hash([]byte(parts[0]+"\n"), raw)[:4]
	if hex.EncodeToString(id) != parts[1] {
		return nil, malformed{"the key id is another key's"}
	}
	return &verifyKey{parts[0], id, raw[1:]}, nil
}

type signatureLine struct {
	name      string
	id        []byte
	signature []byte
}

var signaturePattern = regexp.MustCompile(`^— ([^\s+]+) (\S+)$`)

// parseCheckpoint reads a checkpoint and proves that the log signed it.
func parseCheckpoint(raw []byte, key *verifyKey) (size int, root []byte, err error) {
	at := bytes.LastIndex(raw, []byte("\n\n"))
	if len(raw) > 131_072 || at < 0 || !utf8.Valid(raw) || !bytes.HasSuffix(raw, []byte("\n")) {
		return 0, nil, malformed{"not a note"}
	}
	text, tail := raw[:at+1], string(raw[at+2:])
	var lines []signatureLine
	for _, line := range strings.Split(strings.TrimSuffix(tail, "\n"), "\n") {
		match := signaturePattern.FindStringSubmatch(line)
		if match == nil {
			return 0, nil, malformed{"not a signature line"}
		}
		decoded, err := decodeBase64(match[2])
		if err != nil || len(decoded) < 5 {
			return 0, nil, malformed{"a signature line without a signature"}
		}
		lines = append(lines, signatureLine{match[1], decoded[:4], decoded[4:]})
	}
	if len(lines) > 64 {
		return 0, nil, malformed{"too many signatures"}
	}
	parts := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if len(parts) != 3 || parts[0] != key.name {
		return 0, nil, malformed{"not origin, size and root of this log"}
	}
	size, err = strconv.Atoi(parts[1])
	if err != nil || strconv.Itoa(size) != parts[1] || size < 0 || size > 1<<62 {
		return 0, nil, malformed{"not a size"}
	}
	if root, err = decodeBase64(parts[2]); err != nil || len(root) != 32 {
		return 0, nil, malformed{"not a root"}
	}
	isSigned := false
	for _, line := range lines {
		if line.name == key.name && bytes.Equal(line.id, key.id) {
			if len(line.signature) != 64 || !ed25519.Verify(key.public, text, line.signature) {
				return 0, nil, errors.New("the log's signature does not verify")
			}
			isSigned = true
		}
	}
	if !isSigned {
		return 0, nil, errors.New("the log did not sign it")
	}
	return size, root, nil
}

// readEntry reads an entry from a folder that holds a log, with the proof that its tiles give, and checks the proof against the checkpoint.
func readEntry(read func(string) ([]byte, error), key *verifyKey, index int) ([]byte, error) {
	raw, err := read("checkpoint")
	if err != nil {
		return nil, err
	}
	size, root, err := parseCheckpoint(raw, key)
	if err != nil {
		return nil, err
	}
	if index < 0 || index >= size {
		return nil, errors.New("no such entry")
	}
	tile := func(level string, n, of int) ([]byte, int, error) {
		width := min(256, of-256*n)
		raw, err := read(tilePath(level, n, width))
		if err != nil && width < 256 {
			raw, err = read(tilePath(level, n, 256))
		}
		return raw, width, err
	}
	raw, width, err := tile("entries", index/256, size)
	if err != nil {
		return nil, err
	}
	var entry []byte
	for i, c := 0, (&cursor{rest: raw}); i <= index%256; i++ {
		if entry = c.take(int(binary.BigEndian.Uint16(c.take(2)))); c.err != nil || i >= width {
			return nil, malformed{"a bundle that is too short"}
		}
	}
	// node gives the root over the leaves at << level to (at + 1) << level.
	var node func(level, at int) ([]byte, error)
	node = func(level, at int) ([]byte, error) {
		if level%8 != 0 {
			left, err := node(level-1, 2*at)
			if err != nil {
				return nil, err
			}
			right, err := node(level-1, 2*at+1)
			return nodeHash(left, right), err
		}
		raw, width, err := tile(strconv.Itoa(level/8), at/256, size>>level)
		if err != nil {
			return nil, err
		}
		if len(raw) < 32*width || at%256 >= width {
			return nil, malformed{"a tile that is too short"}
		}
		return raw[at%256*32 : at%256*32+32], nil
	}
	var subtree func(low, high int) ([]byte, error)
	subtree = func(low, high int) ([]byte, error) {
		if count := high - low; count&(count-1) == 0 {
			level := 0
			for 1<<level < count {
				level++
			}
			return node(level, low>>level)
		}
		k := 1
		for 2*k < high-low {
			k *= 2
		}
		left, err := subtree(low, low+k)
		if err != nil {
			return nil, err
		}
		right, err := subtree(low+k, high)
		return nodeHash(left, right), err
	}
	var proof [][]byte
	for low, high := 0, size; high-low > 1; {
		k := 1
		for 2*k < high-low {
			k *= 2
		}
		other := func() ([]byte, error) { return subtree(low+k, high) }
		isLeft := index < low+k
		if !isLeft {
			other = func() ([]byte, error) { return subtree(low, low+k) }
		}
		h, err := other()
		if err != nil {
			return nil, err
		}
		proof = append([][]byte{h}, proof...)
		if isLeft {
			high = low + k
		} else {
			low += k
		}
	}
	return entry, verifyInclusion(index, size, leafHash(entry), root, proof)
}
