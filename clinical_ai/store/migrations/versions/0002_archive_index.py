"""archive index: what Query/Retrieve and QIDO-RS match and return; commitment reports

Instances archived before this migration have no image size, study ID and referring physician
in the index; their files have them.

Revision ID: 0002
Revises: 0001
"""
import re
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None

_STUDY_TEXTS = (
    'patient_name_folded',
    'study_id',
    'referring_physician_name',
    'referring_physician_name_folded',
)
_INSTANCE_NUMBERS = ('rows', 'columns', 'bits_allocated', 'number_of_frames')


def upgrade() -> None:
    with op.batch_alter_table('study', schema=None) as batch_op:
        for name in _STUDY_TEXTS:
            batch_op.add_column(sa.Column(name, sa.Text(), server_default='', nullable=False))
        batch_op.create_index('ix_study_study_date', ['study_date'], unique=False)
    with op.batch_alter_table('instance', schema=None) as batch_op:
        for name in _INSTANCE_NUMBERS:
            batch_op.add_column(sa.Column(name, sa.Integer(), nullable=True))
    op.create_table(
        'commitment_report',
        sa.Column('calling_ae_title', sa.String(16), nullable=False),
        sa.Column('transaction_uid', sa.String(64), nullable=False),
        sa.Column('requested', sa.Text(), nullable=False),
        sa.Column('created_at', sa.Double(), nullable=False),
        sa.Column('due_at', sa.Double(), nullable=False),
        sa.Column('attempts', sa.Integer(), server_default='0', nullable=False),
        sa.PrimaryKeyConstraint(
            'calling_ae_title', 'transaction_uid', name=op.f('pk_commitment_report')
        ),
    )
    op.create_index('ix_commitment_report_due_at', 'commitment_report', ['due_at'], unique=False)
    _fold_names()


def downgrade() -> None:
    op.drop_table('commitment_report')
    # Not in batch: SQLite would make the tables anew, which their foreign keys forbid.
    for name in _INSTANCE_NUMBERS:
        op.drop_column('instance', name)
    op.drop_index('ix_study_study_date', table_name='study')
    for name in _STUDY_TEXTS:
        op.drop_column('study', name)


def _fold_names() -> None:
    study = sa.table(
        'study',
        sa.column('study_instance_uid', sa.Text),
        sa.column('patient_name', sa.Text),
        sa.column('patient_name_folded', sa.Text),
    )
    connection = op.get_bind()
    rows = connection.execute(sa.select(study.c.study_instance_uid, study.c.patient_name)).all()
    if not rows:
        return
    connection.execute(
        sa.update(study)
        .where(study.c.study_instance_uid == sa.bindparam('uid'))
        .values(patient_name_folded=sa.bindparam('folded')),
        [{'uid': uid, 'folded': _fold(name)} for uid, name in rows],
    )


def _fold(name: str) -> str:
    """As `pacs_bridge.text.fold_name` did when this migration was written."""
    groups = name.split('\\')[0].split('=')[:3]
    return '='.join((*map(_fold_group, groups), '', '')[:3])


def _fold_group(group: str) -> str:
    plain = re.sub('[\u0300-\u036f]', '', unicodedata.normalize('NFKD', group)).casefold()
    composed = unicodedata.normalize('NFKC', plain).replace('=', ' ')
    return '^'.join(part.strip() for part in composed.split('^')).rstrip('^')
