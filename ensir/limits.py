"""Every limit with its number and its reason, as data."""

LEVELS = 256  # of an 8-bit value; the bins and the ground-truth histograms count in these

LEVEL_OF_16_BITS = 257  # the 16-bit value of the 8-bit level 1: 65535 is 255

# Pictures. The pixel limit is read from the header, before anything is decoded.
MOST_PIXELS = 40_000_000
LONGEST_SIDE = 20_000
MOST_PICTURE_BYTES = 64 * 2**20
# Of one picture: 240 MB each where it is as large as may be and has 16 bits.
MOST_CANDIDATES = 16

# Bin sets are numbered in int64; times the channels and levels they must still fit.
MOST_BIN_SETS = 2**52
# Up to here a table holds every bin set: 3 channels of 8 weights in float64 take 12 MB. Above it
# only the occupied ones are kept.
DENSE_BIN_SETS = 65_536
# Sums of squares of so many 8-bit values stay within int64 (255**2 * this < 2**63).
MOST_REFERENCE_PIXELS = 140_000_000_000_000
# Direct counting takes one int64 a key: 128 MB. Above it the keys are sorted.
DENSE_KEYS = 2**24
# Sums of one reference set; adding two takes up to four times this for a moment.
MOST_STATISTICS_BYTES = 2**30

# Files of our own format and released tables.
MOST_TABLE_BYTES = 512 * 2**20
MOST_HEADER_BYTES = 2**20
MOST_PUBLISHED_BYTES = 8 * 2**20
MOST_PUBLISHED_CANDIDATES = 4  # the released code writes and reads no more
MOST_PICKLE_BYTES = 4 * 2**20
MOST_RECORDS = 60_000
MOST_OPERATIONS = 600_000
MOST_STRING = 64
MOST_NAME = 80

# Noise that is added for trying, in levels: above it little of a picture is left.
MOST_NOISE = 100
# Photons at level 255: with so many the noise is at most 0.26 levels, lost in rounding.
MOST_PHOTONS = 1_000_000

# Checkpoints of networks. A large restoration network has some hundred million parameters: 400 MB,
# three times that with an optimizer's two moments beside it.
MOST_CHECKPOINT_BYTES = 2 * 2**30
MOST_TENSORS = 20_000
MOST_PARAMETERS = 500_000_000  # 2 GB in float32; tensors that share a storage count each
# 14,000 weights with all that Adam keeps of each take 6 MB and 2 million operations, which are read
# in 2 to 6 s.
MOST_CHECKPOINT_PICKLE_BYTES = 16 * 2**20
MOST_CHECKPOINT_OPERATIONS = 2_000_000
# The longest names of parameters have a hundred; notes beside them may be a sentence.
MOST_CHECKPOINT_STRING = 1_000
MOST_TENSOR_DIMENSIONS = 16  # a convolution's weights have 5 at most
DOWNLOAD_SECONDS = 30  # without an answer from a server
