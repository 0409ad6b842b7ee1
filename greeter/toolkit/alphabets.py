"""The letters of sequences.

Sources: for amino acids, IUPAC-IUB JCBN (1984) Eur J Biochem 138:9-37, and later U, O, and J for I or L;
for nucleotides, NC-IUB (Cornish-Bowden 1985) Nucleic Acids Res 13:3021-3030.
"""

from typing import Literal, NamedTuple

_MOST_LISTED = 12  # wrong letters


def listed(letters: list[str]) -> str:
    """List one or more letters: the first 12, and how many others there are."""
    shown = [repr(letter) for letter in letters[:_MOST_LISTED]]
    if others := len(letters) - len(shown):
        shown.append(f"{others} others")
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


class Alphabet(NamedTuple):
    """The letters of a kind of sequence, in upper case, with words for messages about other letters."""

    letters: str
    one: str
    many: str
    advice: str  # what replaces a wrong letter
    other: str = ""  # what the other nucleic acid has instead of the last letter

    def refuse(self, wrong: list[str]) -> str:
        """Return the message about one or more wrong letters."""
        advice = self.advice
        if {letter.upper() for letter in wrong} == {self.other}:
            advice = self.letters[-1]
        if len(wrong) == 1:
            return f"{wrong[0]!r} is not {self.one}. Remove it or replace it with {advice}."
        return f"{listed(wrong)} are not {self.many}. Remove them or replace them with {advice}."


_PROTEIN = "ABCDEFGHIKLMNPQRSTVWYZJOUX*"  # that of HMMER's Easel library: 20 amino acids, B J Z O U X, * for a stop
_AMBIGUOUS = "RYSWKMBDHVN"  # such as R for A or G
AlphabetName = Literal["protein", "dna", "rna", "any"]
ALPHABETS = {
    "protein": Alphabet(_PROTEIN, "an amino acid", "amino acids", "X"),
    "dna": Alphabet(_AMBIGUOUS + "ACGT", "a letter of DNA", "letters of DNA", "N", "U"),
    "rna": Alphabet(_AMBIGUOUS + "ACGU", "a letter of RNA", "letters of RNA", "N", "T"),
    "any": Alphabet(_PROTEIN, "a letter of a sequence", "letters of sequences", "X or N"),
}
